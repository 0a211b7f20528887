"""codec.h, codec.c: typed names for what schema/decode.c and schema/encode.c do."""
from .c_types import all_objects, guard, opening
from .cname import snake


def codec_h(schema):
    out = ['#include "schema/gen/api.h"', '#include "schema/gen/types.h"',
           '#include "schema/gen/worker.h"', "", "struct json_t;", "",
           "/* clang-format off */"]
    for t in all_objects(schema):
        n = snake(t.name)
        out += [f"int {n}_decode(const struct json_t *j, enum decode_mode mode,",
                f"\tstruct {n} *out, struct err **e);",
                f"struct json_t *{n}_encode(const struct {n} *v) NODISCARD;"]
    return opening("codec.h", "the shapes as JSON values") + guard("codec.h", out)


def codec_c(schema):
    out = opening("codec.c", "the shapes as JSON values and as text")
    out += ['#include "schema/gen/codec.h"', "", '#include "schema/codec.h"',
            '#include "schema/gen/shapes.h"', ""]
    for t in all_objects(schema):
        n = snake(t.name)
        out += [
            f"int {n}_decode(const struct json_t *j, enum decode_mode mode,",
            f"\tstruct {n} *out, struct err **e)", "{",
            f"\treturn shape_decode(&{n}_shape, j, mode, out, e);", "}", "",
            f"struct json_t *{n}_encode(const struct {n} *v)", "{",
            f"\treturn shape_encode(&{n}_shape, v);", "}", "",
            f"int {n}_parse(const char *text, size_t len, enum decode_mode mode,",
            f"\tstruct {n} *out, struct err **e)", "{",
            f"\treturn shape_parse(&{n}_shape, text, len, mode, out, e);", "}", "",
            f"char *{n}_format(const struct {n} *v)", "{",
            f"\treturn shape_format(&{n}_shape, v);", "}", ""]
    return out
