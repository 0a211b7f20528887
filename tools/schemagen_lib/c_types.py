"""errors.h, types.h, types.c: structs, enums, and the tables that describe them.

A table of fields says where each lies in its struct and what it may hold; copying,
freeing, decoding and encoding are hand-written walks over it (schema/value.c,
schema/decode.c, schema/encode.c).
"""
from .cname import comment, enum_value, quote, snake, upper

NOTICE = "made by tools/schemagen from the schemas"


def opening(name, says):
    return [f"/* schema/gen/{name} - {says}; {NOTICE} */"]


def guard(name, lines):
    macro = "VX_SCHEMA_GEN_" + name.replace(".", "_").upper()
    return [f"#ifndef {macro}", f"#define {macro}", "", *lines, "", "#endif"]


# -- errors

def errors_h(schema):
    out = ["enum err_code {"]
    for err in schema.errors:
        out.append(comment(err["doc"], "\t"))
        out.append(f"\tERR_{upper(err['name'])} = {err['code']},")
    out.append("};")
    return opening("errors.h", "every error") + guard("errors.h", out)


def error_info_h(schema):
    return opening("error_info.h", "what belongs to an error") + guard("error_info.h", [
        '#include "schema/gen/errors.h"', "",
        '/* "not-found"; "unknown" for a number that is none of ours. */',
        "const char *err_code_name(enum err_code code);",
        "/* Exit status of a command that ends with it. */",
        "int err_code_exit(enum err_code code);",
        "/* HTTP status. */",
        "int err_code_http(enum err_code code);"])


def errors_c(schema):
    out = opening("errors.c", "what belongs to an error")
    out += ['#include "schema/gen/error_info.h"', ""]
    columns = (("const char *", "name", lambda e: quote(e["name"]), '"unknown"'),
               ("int ", "exit", lambda e: e["exit"], "1"),
               ("int ", "http", lambda e: e["http"], "500"))
    for c_type, column, value, otherwise in columns:
        out += [f"{c_type}err_code_{column}(enum err_code code)", "{", "\tswitch (code) {"]
        for err in schema.errors:
            out += [f"\tcase ERR_{upper(err['name'])}:", f"\t\treturn {value(err)};"]
        out += ["\t}", f"\treturn {otherwise};", "}", ""]
    return out


# -- members

def c_type(t):
    """The C type of one value, ready to be followed by a member's name."""
    if t.kind == "string":
        return "char *"
    if t.kind == "integer":
        return "uint64_t " if t.minimum >= 0 else "int64_t "
    if t.kind == "boolean":
        return "bool "
    if t.kind == "enum":
        return f"enum {snake(t.name)} "
    if t.kind == "object":
        return f"struct {snake(t.name)} "
    raise AssertionError(t.kind)


def optional_scalar(f):
    return (f.type.kind in ("integer", "boolean", "enum")
            and not f.required and f.default is None)


def pointer_member(f):
    return f.type.kind == "object" and not f.required


def members(f):
    t, name = f.type, f.name
    if t.kind == "array":
        item = c_type(t.items)
        return [f"{item}*{name};", f"size_t n_{name};"]
    if t.kind == "map":
        return [f"struct kv *{name};", f"size_t n_{name};"]
    if pointer_member(f):
        return [f"{c_type(t)}*{name};"]
    out = [f"{c_type(t)}{name};"]
    return [f"bool has_{name};", *out] if optional_scalar(f) else out


def struct(t):
    out = [comment(t.doc)] if t.doc else []
    out.append(f"struct {snake(t.name)} {{")
    for f in t.fields:
        note = f.doc
        if f.type.kind == "array":
            note += " Owned."
        out.append(comment(note, "\t"))
        out += ["\t" + m for m in members(f)]
    if not t.fields:
        out.append("\tchar nothing; /* C has no empty struct */")
    return out + ["};"]


def struct_functions(t):
    """What every object type has."""
    n = snake(t.name)
    return [
        f"int {n}_parse(const char *text, size_t len, enum decode_mode mode,",
        f"\tstruct {n} *out, struct err **e);",
        f"char *{n}_format(const struct {n} *v) NODISCARD;",
        f"void {n}_copy(const struct {n} *v, struct {n} *out);",
        f"void {n}_fini(struct {n} *v);",
        f"AUTOFINI({n}, {n}_fini);"]


def enum(t):
    n = snake(t.name)
    out = [comment(t.doc), f"enum {n} {{"]
    out += [f"\t{enum_value(t.name, v)}," for v in t.values]
    return out + [
        f"\t{upper(t.name)}_COUNT", "};",
        f"const char *{n}_name(enum {n} v);",
        f"bool {n}_from_name(const char *name, enum {n} *out);"]


# -- tables

def bounds(t):
    low, high = str(t.minimum), str(t.maximum)
    if t.kind == "integer" and t.minimum < 0:
        low, high = (f"(uint64_t)INT64_C({n})" if n > -(2 ** 63) else "(uint64_t)INT64_MIN"
                     for n in (t.minimum, t.maximum))
    else:
        low, high = f"UINT64_C({low})", f"UINT64_C({high})"
    return f".min = {low}, .max = {high}"


def value_type(t):
    """An initialiser of struct value_type."""
    if t.kind == "string":
        return (f"{{ .kind = VALUE_STRING, .format = FORMAT_{upper(t.format)}, "
                f"{bounds(t)} }}")
    if t.kind == "map":
        return (f"{{ .kind = VALUE_MAP, .format = FORMAT_{upper(t.items.format)}, "
                f"{bounds(t.items)} }}")
    if t.kind == "integer":
        kind = "VALUE_UINT" if t.minimum >= 0 else "VALUE_INT"
        wide = ".wide = true, " if t.wide else ""
        return f"{{ .kind = {kind}, {wide}{bounds(t)} }}"
    if t.kind == "boolean":
        return "{ .kind = VALUE_BOOL }"
    if t.kind == "enum":
        return f"{{ .kind = VALUE_ENUM, .names = &{snake(t.name)}_names }}"
    if t.kind == "object":
        return f"{{ .kind = VALUE_OBJECT, .shape = &{snake(t.name)}_shape }}"
    raise AssertionError(t.kind)


def default_of(f):
    t, d = f.type, f.default
    if d is None:
        return []
    if t.kind == "string":
        return [".has_default = true", f".default_text = {quote(d)}"]
    if t.kind == "enum":
        value = enum_value(t.name, d)
    elif t.kind == "boolean":
        value = "true" if d else "false"
    else:
        value = f"(uint64_t)INT64_C({d})" if d < 0 else f"UINT64_C({d})"
    return [".has_default = true", f".default_bits = {value}"]


def field_entry(owner, f):
    s = f"struct {snake(owner.name)}"
    plural = f.type.kind in ("array", "map")
    parts = [f".name = {quote(f.name)}", f".at = offsetof({s}, {f.name})"]
    if plural:
        parts.append(f".count_at = offsetof({s}, n_{f.name})")
        parts.append(f".count_max = {f.type.maximum}")
    if f.type.kind == "array":
        parts.append(".array = true")
    if f.required:
        parts.append(".required = true")
    if pointer_member(f):
        parts.append(".pointer = true")
    if optional_scalar(f):
        parts.append(f".flagged = true, .flag_at = offsetof({s}, has_{f.name})")
    parts += default_of(f)
    parts.append(f".type = {value_type(f.type.items if f.type.kind == 'array' else f.type)}")
    return ["\t{ " + ",\n\t  ".join(parts) + " },"]


def shape_table(t):
    n = snake(t.name)
    out = []
    if t.fields:
        out.append(f"static const struct field {n}_fields[] = {{")
        for f in t.fields:
            out += field_entry(t, f)
        out += ["};", ""]
    fields = f"{n}_fields, COUNT({n}_fields)" if t.fields else "NULL, 0"
    return out + [f"const struct shape {n}_shape = {{ {quote(t.name)}, "
                  f"sizeof(struct {n}), {fields} }};", ""]


def struct_bodies(t):
    n = snake(t.name)
    return [
        f"void {n}_copy(const struct {n} *v, struct {n} *out)", "{",
        f"\tshape_copy(&{n}_shape, v, out);", "}", "",
        f"void {n}_fini(struct {n} *v)", "{",
        f"\tshape_fini(&{n}_shape, v);", "}", ""]


def enum_bodies(t):
    n = snake(t.name)
    out = [f"static const char *const {n}_words[] = {{"]
    out += [f"\t[{enum_value(t.name, v)}] = {quote(v)}," for v in t.values]
    return out + [
        "};", f'static_assert(COUNT({n}_words) == {upper(t.name)}_COUNT, "all named");',
        f"static_assert(sizeof(enum {n}) == sizeof(unsigned int), "
        '"as schema/value.c has it");',
        f"const struct enum_names {n}_names = {{ {n}_words, COUNT({n}_words) }};", "",
        f"const char *{n}_name(enum {n} v)", "{",
        f"\treturn enum_name(&{n}_names, v);", "}", "",
        f"bool {n}_from_name(const char *name, enum {n} *out)", "{",
        "\tunsigned int v;", "",
        f"\tif (!enum_from_name(&{n}_names, name, &v))", "\t\treturn false;",
        f"\t*out = (enum {n})v;", "\treturn true;", "}", ""]


# -- files

def types_h(schema):
    out = ['#include "schema/runtime.h"', "", "#include <stdbool.h>",
           "#include <stddef.h>", "#include <stdint.h>", "", "/* clang-format off */"]
    for t in schema.ordered():
        out.append("")
        out += enum(t) if t.kind == "enum" else struct(t) + struct_functions(t)
    return opening("types.h", "the shapes") + guard("types.h", out)


def types_c(schema):
    out = opening("types.c", "the shapes' tables")
    out += ['#include "schema/gen/types.h"', "", "#include <assert.h>", "",
            '#include "schema/gen/shapes.h"', ""]
    for t in schema.ordered():
        if t.kind == "enum":
            out += enum_bodies(t)
        else:
            out += shape_table(t) + struct_bodies(t)
    return out


def method_shapes(api):
    """Parameter and result objects of an API, with names and docs for C."""
    for m in api.methods + api.notifications:
        for t in (m.params, m.result):
            if t is not None:
                yield t


def all_objects(schema):
    yield from (t for t in schema.ordered() if t.kind == "object")
    for api in schema.apis.values():
        yield from method_shapes(api)


def shapes_h(schema):
    out = ['#include "schema/shape.h"', ""]
    out += [f"extern const struct enum_names {snake(t.name)}_names;"
            for t in schema.ordered() if t.kind == "enum"]
    out += [f"extern const struct shape {snake(t.name)}_shape;" for t in all_objects(schema)]
    return opening("shapes.h", "the tables, for the codec") + guard("shapes.h", out)


def shape_list_h(schema):
    out = ['#include "schema/shape.h"', "",
           "/* Every object type, for tests that want them all. */",
           "extern const struct shape *const shape_list[];",
           "extern const size_t shape_list_count;"]
    return opening("shape_list.h", "all shapes") + guard("shape_list.h", out)


def shape_list_c(schema):
    out = opening("shape_list.c", "all shapes")
    out += ['#include "schema/gen/shape_list.h"', "", '#include "schema/gen/shapes.h"', "",
            "const struct shape *const shape_list[] = {"]
    out += [f"\t&{snake(t.name)}_shape," for t in all_objects(schema)]
    return out + ["};", "const size_t shape_list_count = COUNT(shape_list);"]
