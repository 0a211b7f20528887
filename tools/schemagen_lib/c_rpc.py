"""api*.h, api*.c, worker*.h, worker*.c: methods served, and the stubs that call them."""
from .c_types import (guard, method_shapes, opening, shape_table, struct, struct_bodies,
                      struct_functions)
from .cname import comment, quote, snake

FORWARD = ["struct call;", "struct link;", "struct rpc_conn;", "struct rpc_client;"]


def handler_name(api, m):
    """api_vm_start; the worker's own methods are named worker_* already."""
    n = snake(m.name)
    return n if n.startswith(api.name + "_") else f"{api.name}_{n}"


def note_name(api, n):
    name = snake(n.name)
    if api.name == "api":
        return f"notify_{name}"
    return "link_note_" + name.removeprefix(api.name + "_")


def served(api):
    return [m for m in api.methods if not m.builtin]


def note_prototype(api, n):
    peer = "struct rpc_conn *conn" if api.name == "api" else "struct link *l"
    return [f"int {note_name(api, n)}({peer},", f"\tconst struct {snake(n.name)}_params *p)"]


def call_prototype(name, first, m):
    n = snake(m.name)
    return [f"int {name}({first}, const struct {n}_params *p,",
            f"\tstruct {n}_result *out, struct err **e)"]


# -- shapes and handlers

def api_h(api):
    out = ['#include "schema/gen/types.h"', "", "/* clang-format off */", *FORWARD]
    for t in method_shapes(api):
        out += ["", *struct(t), *struct_functions(t)]
    out += ["", "/* Handlers: fill *out and return 0, or -1 and *e. */"]
    for m in served(api):
        proto = call_prototype(handler_name(api, m), "struct call *call", m)
        out += ["", comment(m.doc), proto[0], proto[1] + ";"]
    out += ["", "/* Notifications: 0, or -errno and nothing sent. */"]
    for n in api.notifications:
        proto = note_prototype(api, n)
        out += ["", comment(n.doc), proto[0], proto[1] + ";"]
    name = f"{api.name}.h"
    return opening(name, "parameters, results and handlers") + guard(name, out)


def api_c(api):
    out = opening(f"{api.name}.c", "tables of parameters and results")
    out += [f'#include "schema/gen/{api.name}.h"', "", '#include "schema/gen/shapes.h"', ""]
    for t in method_shapes(api):
        out += shape_table(t) + struct_bodies(t)
    return out


# -- the method table

def table_h(api):
    out = ['#include "rpc/method.h"', f'#include "schema/gen/{api.name}.h"', "",
           f"extern const struct rpc_method {api.name}_methods[]; /* sorted by name */",
           f"extern const size_t {api.name}_methods_count;"]
    if api.name == "api":
        out += ["/* What rpc.discover answers. */", "extern const char api_openrpc[];"]
    name = f"{api.name}_table.h"
    return opening(name, "the methods served") + guard(name, out)


def invoke(api, m):
    n = snake(m.name)
    mode = "DECODE_STRICT" if api.name == "api" else "DECODE_LENIENT"
    return [
        f"static int invoke_{n}(struct call *call, const struct json_t *params,",
        "\tstruct json_t **result, struct err **e)", "{",
        f"\tautofini({n}_params) p = {{ 0 }};",
        f"\tautofini({n}_result) out = {{ 0 }};", "",
        f"\tif ({n}_params_decode(params, {mode}, &p, e) < 0 ||",
        f"\t    {handler_name(api, m)}(call, &p, &out, e) < 0)",
        "\t\treturn -1;",
        f"\t*result = {n}_result_encode(&out);",
        "\treturn 0;", "}", ""]


def table_c(api, openrpc):
    name = api.name
    out = opening(f"{name}_table.c", "the methods served")
    out += [f'#include "schema/gen/{name}_table.h"', "", '#include "schema/gen/codec.h"', ""]
    for m in served(api):
        out += invoke(api, m)
    out.append(f"const struct rpc_method {name}_methods[] = {{")
    for m in sorted(served(api), key=lambda m: m.name.encode()):
        out.append(f"\t{{ {quote(m.name)}, {quote(m.auth)}, "
                   f"{'true' if m.fds else 'false'}, invoke_{snake(m.name)} }},")
    out += ["};", f"const size_t {name}_methods_count = COUNT({name}_methods);"]
    if name == "api":
        out += ["", "const char api_openrpc[] ="]
        step = 72
        out += ["\t" + quote(openrpc[i:i + step]) for i in range(0, len(openrpc), step)]
        out[-1] += ";"
    return out


# -- notifications

def notify_c(api):
    out = opening("api_notify.c", "notifications to clients")
    out += ['#include "schema/gen/api.h"', "", '#include "rpc/server.h"',
            '#include "schema/codec.h"', '#include "schema/gen/shapes.h"', ""]
    for n in api.notifications:
        out += [*note_prototype(api, n), "{",
                "\tsize_t len;",
                f"\tautofree char *line = shape_notification(&{snake(n.name)}_params_shape,",
                f"\t\t{quote(n.name)}, p, &len);", "",
                "\treturn rpc_conn_send(conn, line, len);", "}", ""]
    return out


def note_c(api):
    out = opening(f"{api.name}_note.c", "notes to vxd")
    out += [f'#include "schema/gen/{api.name}.h"', "", '#include "rpc/link.h"',
            '#include "schema/gen/codec.h"', ""]
    for n in api.notifications:
        out += [*note_prototype(api, n), "{",
                f"\treturn link_note(l, {quote(n.name)}, {snake(n.name)}_params_encode(p));",
                "}", ""]
    return out


# -- the blocking client

def client_h(api):
    out = [f'#include "schema/gen/{api.name}.h"', "",
           "/* One blocking call each: 0, or -1 and the server's error. */"]
    for m in served(api):
        proto = call_prototype(f"client_{snake(m.name)}", "struct rpc_client *c", m)
        out += [proto[0], proto[1] + ";"]
    return opening("api_client.h", "calls to vxd") + guard("api_client.h", out)


def client_c(api):
    out = opening("api_client.c", "calls to vxd")
    out += ['#include "schema/gen/api_client.h"', "", "#include <jansson.h>", "",
            '#include "rpc/client.h"', '#include "schema/gen/codec.h"', ""]
    for m in served(api):
        n = snake(m.name)
        out += [*call_prototype(f"client_{n}", "struct rpc_client *c", m), "{",
                "\tjson_t *result = NULL;", "",
                f"\tif (rpc_client_call(c, {quote(m.name)}, {n}_params_encode(p), "
                "&result, e) < 0)", "\t\treturn -1;", "",
                f"\tint rc = {n}_result_decode(result, DECODE_LENIENT, out, e);", "",
                "\tjson_decref(result);", "\tif (rc < 0 && e && *e)",
                "\t\t(*e)->code = ERR_INTERNAL; /* not the caller's parameters */",
                f'\treturn rc < 0 ? err_wrap(e, "the answer to %s", {quote(m.name)}) : 0;',
                "}", ""]
    return out


# -- the asynchronous client of a worker

def done_prototype(m):
    n = snake(m.name)
    fds = "\n\tint *fds, size_t n_fds," if m.fds else ""
    return f"(void *owner, struct {n}_result *result,{fds} struct err *e)"


def link_prototype(m):
    n = snake(m.name)
    return [f"int link_{n}(struct link *l, const struct {n}_params *p,",
            f"\t{n}_done *done, void *owner, struct err **e)"]


def link_h(api):
    out = [f'#include "schema/gen/{api.name}.h"', "",
           "/*",
           " * `done` runs exactly once, from the loop, unless the call returned -1.",
           " * `result` or `e` is NULL; both are borrowed. `fds` is taken by setting -1.",
           " */",
           f"#define {api.name.upper()}_CALL_TIMEOUT_MS 10000"]
    for m in served(api):
        proto = link_prototype(m)
        out += ["", f"typedef void {snake(m.name)}_done{done_prototype(m)};",
                proto[0], proto[1] + ";"]
    name = f"{api.name}_client.h"
    return opening(name, "calls to a worker") + guard(name, out)


def answered(m):
    n = snake(m.name)
    fds = "fds, n_fds, " if m.fds else ""
    return [
        f"struct {n}_call {{", f"\t{n}_done *done;", "\tvoid *owner; /* borrowed */", "};",
        "",
        f"static void {n}_answered(void *owner, const struct json_t *answer, int *fds,",
        "\tsize_t n_fds, struct err *e)", "{",
        f"\tautofree struct {n}_call *call = owner;",
        f"\tautofini({n}_result) result = {{ 0 }};",
        "\tautoptr(err) bad = NULL;", "",
        f"\tif (!e && {n}_result_decode(answer, DECODE_LENIENT, &result, &bad) < 0) {{",
        "\t\tbad->code = ERR_WORKER_FAILED;",
        f'\t\terr_wrap(&bad, "the answer to %s", {quote(m.name)});',
        "\t\te = bad;", "\t}",
        f"\tcall->done(call->owner, e ? NULL : &result, {fds}e);", "}", ""]


def link_c(api):
    out = opening(f"{api.name}_client.c", "calls to a worker")
    out += [f'#include "schema/gen/{api.name}_client.h"', "", '#include "base/mem.h"',
            '#include "rpc/link.h"', '#include "schema/gen/codec.h"', ""]
    for m in served(api):
        n = snake(m.name)
        out += answered(m)
        out += [*link_prototype(m), "{",
                f"\tautofree struct {n}_call *call = mem_new(struct {n}_call);", "",
                f"\t*call = (struct {n}_call){{ done, owner }};",
                f"\tif (link_call(l, {quote(m.name)}, {n}_params_encode(p), {n}_answered,",
                f"\t\tcall, {api.name.upper()}_CALL_TIMEOUT_MS, e) < 0)",
                "\t\treturn -1;", "\tsteal(call);", "\treturn 0;", "}", ""]
    return out
