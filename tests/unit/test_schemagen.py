#!/usr/bin/env python3
"""What schemagen refuses, and that all which comes of the schemas fits together.

Each bad schema is the small good one below with one thing changed; schemagen must end
with one line that says where and why, and write nothing.
"""
import copy
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SRC = pathlib.Path(os.environ["VX_SRC"])
TOOL = SRC / "tools/schemagen"

GOOD = {
    "errors.json": {"errors": [
        {"name": "not-found", "code": -1001, "http": 404, "exit": 3, "doc": "Not there."}]},
    "types.json": {"types": {
        "Word": {"type": "string", "maxLength": 9, "doc": "A word."},
        "Colour": {"type": "string", "enum": ["red", "dark-green"], "doc": "A colour."},
        "Thing": {"type": "object", "doc": "A thing.", "required": ["word"], "properties": {
            "word": {"$ref": "Word", "doc": "A word."},
            "size": {"type": "integer", "minimum": -5, "maximum": 5, "default": 2,
                     "doc": "A size."},
            "colour": {"$ref": "Colour", "default": "red", "doc": "A colour."},
            "on": {"type": "boolean", "doc": "Is it on?", "cli": {"option": "on"}},
            "words": {"type": "array", "items": {"$ref": "Word"}, "maxItems": 3,
                      "doc": "Words."},
            "map": {"type": "object", "maxProperties": 4, "doc": "A map.",
                    "additionalProperties": {"type": "string", "maxLength": 5}}}}}},
    "api.json": {"api": "api",
                 "methods": [{"method": "thing.get", "auth": "read", "doc": "Get it.",
                              "params": {"word": {"$ref": "Word", "doc": "Which.",
                                                  "required": True}},
                              "returns": {"thing": {"$ref": "Thing", "doc": "It."}},
                              "errors": ["not-found"]}],
                 "notifications": [{"notification": "thing.changed", "doc": "It changed.",
                                    "params": {"thing": {"$ref": "Thing", "doc": "It."}}}]},
    "worker.json": {"api": "worker", "methods": [], "notifications": []},
}

ERROR = ("errors.json", "errors", 0)
TYPES = ("types.json", "types")
THING = (*TYPES, "Thing")
PROPS = (*THING, "properties")
METHOD = ("api.json", "methods", 0)
NOTE = ("api.json", "notifications", 0)
GONE = object()

TEXT = {"type": "string", "maxLength": 5, "doc": "Text."}
WHOLE = {"type": "integer", "minimum": 0, "maximum": 5, "doc": "A number."}


def but(base, **changes):
    return {k: v for k, v in {**base, **changes}.items() if v is not GONE}


# sentence: (place, what is put there or GONE, what schemagen must say)
BAD = {
    "a_type_without_doc": ((*TYPES, "Word", "doc"), GONE, 'Word: has no "doc"'),
    "a_doc_that_is_no_sentence": ((*TYPES, "Word", "doc"), "word", "no full stop"),
    "an_empty_doc": ((*PROPS, "on", "doc"), " ", 'Thing.on: has no "doc"'),
    "a_property_without_doc": ((*PROPS, "on", "doc"), GONE, 'Thing.on: has no "doc"'),
    "an_error_without_doc": ((*ERROR, "doc"), GONE, 'error not-found: has no "doc"'),
    "a_method_without_doc": ((*METHOD, "doc"), GONE, 'thing.get: has no "doc"'),
    "a_notification_without_doc": ((*NOTE, "doc"), GONE, 'thing.changed: has no "doc"'),

    "an_unknown_key_of_a_type": ((*TYPES, "Word", "pattern"), ".*",
                                 'Word: unknown key "pattern"'),
    "an_unknown_key_of_a_property": ((*PROPS, "on", "nullable"), True,
                                     'Thing.on: unknown key "nullable"'),
    "an_unknown_key_of_a_method": ((*METHOD, "result"), {}, 'unknown key "result"'),
    "an_unknown_key_of_a_notification": ((*NOTE, "auth"), "x", 'unknown key "auth"'),
    "an_unknown_key_of_an_error": ((*ERROR, "text"), "x", 'unknown key "text"'),
    "an_unknown_key_of_a_file": (("types.json", "typos"), {}, 'unknown key "typos"'),
    "an_unknown_key_of_an_option": ((*PROPS, "on", "cli", "long"), "x",
                                    'unknown key "long"'),
    "a_key_of_another_kind": ((*PROPS, "on", "maxLength"), 5, 'unknown key "maxLength"'),

    "an_unknown_type": ((*PROPS, "on", "type"), "number", '"type" must be one of'),
    "no_type": ((*PROPS, "on", "type"), GONE, '"type" must be one of'),
    "a_property_that_is_no_object": ((*PROPS, "on"), "boolean", "must be an object"),
    "a_type_that_is_no_object": ((*TYPES, "Word"), "string", "Word: must be an object"),
    "an_object_without_a_name": ((*PROPS, "on"), {"type": "object", "properties": {},
                                                  "doc": "It."},
                                 "an object must be a named type"),
    "an_enum_without_a_name": ((*PROPS, "on"), {"type": "string", "enum": ["a"],
                                                "doc": "It."},
                               "an enum must be a named type"),
    "an_array_with_a_name": ((*TYPES, "List"), {"type": "array", "items": TEXT, "maxItems": 2,
                                                "doc": "It."},
                             "an array cannot be a named type"),
    "a_reference_into_nothing": ((*PROPS, "on"), {"$ref": "None", "doc": "It."},
                                 'there is no type "None"'),
    "a_type_that_contains_itself": ((*PROPS, "on"), {"$ref": "Thing", "doc": "It."},
                                    '"Thing" contains itself'),

    "a_string_without_a_limit": ((*TYPES, "Word", "maxLength"), GONE,
                                 '"maxLength" must be a whole number'),
    "a_limit_that_is_no_number": ((*TYPES, "Word", "maxLength"), "9",
                                  '"maxLength" must be a whole number'),
    "a_limit_that_is_true": ((*TYPES, "Word", "maxLength"), True,
                             '"maxLength" must be a whole number'),
    "a_limit_below_zero": ((*TYPES, "Word", "maxLength"), -1, '"maxLength" must be in 0'),
    "a_least_length_above_the_limit": ((*TYPES, "Word", "minLength"), 10,
                                       '"minLength" must be in 0..9'),
    "an_unknown_format": ((*TYPES, "Word", "format"), "date", 'unknown format "date"'),

    "an_enum_without_values": ((*TYPES, "Colour", "enum"), [], "has values, each once"),
    "an_enum_with_one_twice": ((*TYPES, "Colour", "enum"), ["red", "red"],
                               "has values, each once"),
    "an_enum_with_capitals": ((*TYPES, "Colour", "enum"), ["Red"], "is not kebab-case"),
    "an_enum_of_numbers": ((*TYPES, "Colour", "enum"), [1], "is not kebab-case"),

    "an_integer_without_minimum": ((*PROPS, "size", "minimum"), GONE,
                                   '"minimum" must be a whole number'),
    "an_integer_without_maximum": ((*PROPS, "size", "maximum"), GONE,
                                   '"maximum" must be a whole number'),
    "bounds_that_are_swapped": ((*PROPS, "size", "maximum"), -6, 'is above "maximum"'),
    "a_bound_that_no_double_holds": ((*PROPS, "size", "maximum"), 2 ** 53,
                                     '"maximum" must be in'),
    "wide_bounds_that_no_type_holds": ((*PROPS, "size"),
                                       but(WHOLE, wide=True, minimum=-1, maximum=2 ** 64 - 1),
                                       "no C type holds"),
    "a_wide_bound_beyond_64_bits": ((*PROPS, "size"),
                                    but(WHOLE, wide=True, maximum=2 ** 64),
                                    '"maximum" must be in'),
    "an_unknown_unit": ((*PROPS, "size", "unit"), "miles", 'unknown unit "miles"'),

    "an_array_without_limit": ((*PROPS, "words", "maxItems"), GONE,
                               '"maxItems" must be a whole number'),
    "an_array_without_items": ((*PROPS, "words", "items"), GONE, 'has "items"'),
    "an_array_of_arrays": ((*PROPS, "words", "items"),
                           {"type": "array", "items": TEXT, "maxItems": 2},
                           "an array of arrays is not supported"),
    "an_array_of_maps": ((*PROPS, "words", "items"),
                         {"type": "object", "additionalProperties": TEXT,
                          "maxProperties": 2},
                         "an array of maps is not supported"),
    "a_map_without_limit": ((*PROPS, "map", "maxProperties"), GONE,
                            '"maxProperties" must be a whole number'),
    "a_map_of_numbers": ((*PROPS, "map", "additionalProperties"), WHOLE,
                         "a map is one of strings"),

    "a_required_property_that_is_not_there": ((*THING, "required"), ["words", "hue"],
                                              '"required" names "hue"'),
    "a_required_flag_that_is_no_boolean": ((*METHOD, "params", "word", "required"), "yes",
                                           "is true or false"),
    "a_property_with_capitals": ((*PROPS, "camelCase"), TEXT, "a property is lower_case"),
    "a_property_with_dashes": ((*PROPS, "kebab-case"), TEXT, "a property is lower_case"),
    "a_default_that_is_never_used": ((*PROPS, "word", "default"), "x",
                                     "a default is never used"),
    "a_default_out_of_bounds": ((*PROPS, "size", "default"), 6, "does not fit the type"),
    "a_default_of_another_type": ((*PROPS, "size", "default"), True,
                                  "does not fit the type"),
    "a_default_that_is_no_value": ((*PROPS, "colour", "default"), "blue",
                                   "does not fit the type"),
    "a_default_that_is_too_long": ((*PROPS, "note"), but(TEXT, default="123456"),
                                   "does not fit the type"),
    "a_default_of_an_array": ((*PROPS, "words", "default"), [], "has no default"),
    "an_option_with_capitals": ((*PROPS, "on", "cli", "option"), "On", "is kebab-case"),
    "an_option_without_a_name": ((*PROPS, "on", "cli", "option"), GONE, "is kebab-case"),
    "a_short_option_of_two_letters": ((*PROPS, "on", "cli", "short"), "on", "one letter"),

    "a_type_in_lower_case": ((*TYPES, "word"), TEXT, "a type is CamelCase"),
    "a_type_that_is_there_twice": (("api.json", "types"), {"Word": TEXT},
                                   "Word: is defined twice"),

    "an_error_with_capitals": ((*ERROR, "name"), "NotFound", "a name is kebab-case"),
    "an_error_without_a_number": ((*ERROR, "code"), GONE, '"code" must be a whole number'),
    "an_error_with_a_positive_number": ((*ERROR, "code"), 5, '"code" must be in'),
    "an_error_with_a_status_of_success": ((*ERROR, "http"), 200, '"http" must be in'),
    "an_error_with_exit_0": ((*ERROR, "exit"), 0, '"exit" must be in'),
    "two_errors_of_one_name": (("errors.json", "errors"),
                               [GOOD["errors.json"]["errors"][0]] * 2, "is used twice"),

    "a_method_with_capitals": ((*METHOD, "method"), "thing.Get", "a method is lower.case"),
    "a_method_without_a_name": ((*METHOD, "method"), GONE, "a method is lower.case"),
    "a_method_that_is_there_twice": ((*NOTE, "notification"), "thing.get", "is there twice"),
    "a_method_without_permission": ((*METHOD, "auth"), GONE, 'has no "auth"'),
    "a_method_with_an_unknown_error": ((*METHOD, "errors"), ["lost"],
                                       'there is no error "lost"'),
}


def schemas_with(place, value):
    files = copy.deepcopy(GOOD)
    node = files
    for key in place[:-1]:
        node = node[key]
    if value is GONE:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    return files


def run(files, folder):
    """(exit status, what it said, files it wrote) of schemagen over `files`."""
    schema, out = folder / "schema", folder / "out"
    schema.mkdir()
    for name, node in files.items():
        text = node if isinstance(node, str) else json.dumps(node)
        (schema / name).write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, TOOL, schema, "--out", out, "--version", "1"],
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, sorted(out.iterdir()) if out.exists() else []


def refusal(files, says):
    """Why schemagen's answer to bad schemas is not as it must be, or ""."""
    with tempfile.TemporaryDirectory() as name:
        status, said, wrote = run(files, pathlib.Path(name))
    if "Traceback" in said:
        return "it crashes: " + said.strip().splitlines()[-1]
    if status == 0:
        return "it is taken"
    if wrote:
        return "it wrote files all the same"
    return "" if says in said else f"it says: {said.strip()}"


def check_good():
    with tempfile.TemporaryDirectory() as name:
        status, said, wrote = run(GOOD, pathlib.Path(name))
    if status or said or not wrote:
        return f"it is refused: {said}"
    return ""


def check_said_twice():
    files = dict(GOOD)
    files["types.json"] = '{"types": {"A": {"type": "boolean", "type": "string"}}}'
    return refusal(files, "types.json: said twice: type")


def check_not_json():
    return refusal(dict(GOOD, **{"types.json": "{"}), "types.json: ")


def check_no_object():
    return refusal(dict(GOOD, **{"types.json": []}), "types.json: must be an object")


def check_no_api():
    return refusal({"errors.json": GOOD["errors.json"]}, 'there is no API "api"')


def check_all_at_once():
    """All that is wrong is said in one go."""
    files = schemas_with((*PROPS, "size", "maximum"), GONE)
    del files["types.json"]["types"]["Word"]["doc"]
    return refusal(files, "schemagen: Word: has no") or \
        refusal(files, 'schemagen: Thing.size: "maximum"')


def check_protocol():
    done = subprocess.run([sys.executable, TOOL, SRC / "schema", "--protocol",
                           SRC / "docs/protocol.md", "--check"],
                          capture_output=True, text=True, check=False)
    return done.stderr.strip()


def check_stale_protocol():
    with tempfile.TemporaryDirectory() as name:
        stale = pathlib.Path(name) / "protocol.md"
        stale.write_text("old\n", encoding="utf-8")
        done = subprocess.run([sys.executable, TOOL, SRC / "schema", "--protocol", stale,
                               "--check"], capture_output=True, text=True, check=False)
        if stale.read_text(encoding="utf-8") != "old\n":
            return "--check changes it"
    return "" if done.returncode and "run tools/schemagen" in done.stderr else done.stderr


def generated():
    """{name: text} of all that comes of the real schemas."""
    with tempfile.TemporaryDirectory() as name:
        out = pathlib.Path(name)
        subprocess.run([sys.executable, TOOL, SRC / "schema", "--out", out, "--version",
                        "0"], check=True)
        return {p.name: p.read_text(encoding="utf-8") for p in out.iterdir()}


def api_methods(name):
    """[(method, C name)] of a schema file, without what the server does itself."""
    node = json.loads((SRC / "schema" / name).read_text(encoding="utf-8"))
    return [(m["method"], m["method"].replace(".", "_")) for m in node["methods"]
            if not m.get("builtin")]


def check_handlers():
    """Every method is in the table, in order, and calls a handler that is declared."""
    files = generated()
    for api, prefix in (("api", "api_"), ("worker", "")):
        table, header = files[f"{api}_table.c"], files[f"{api}.h"]
        rows = re.findall(r'^\t\{ "([^"]+)", "[^"]*", \w+, (\w+) \},$', table, re.M)
        methods = api_methods(f"{api}.json")
        if rows != [(m, f"invoke_{c}") for m, c in sorted(methods)]:
            return f"{api}_table.c has {rows}"
        for method, c in methods:
            handler = f"{prefix}{c}"
            if f"int {handler}(struct call *call, " not in header:
                return f"{api}.h does not declare {handler} for {method}"
            if f" {handler}(call, &p, &out, e)" not in table:
                return f"{api}_table.c does not call {handler} for {method}"
    return ""


def check_openrpc():
    """What rpc.discover answers is JSON and has every method."""
    text = generated()["api_table.c"]
    literals = re.findall(r'^\t("(?:[^"\\]|\\.)*")', text.split("api_openrpc[] =")[1], re.M)
    try:
        node = json.loads("".join(json.loads(s) for s in literals))
    except ValueError as bad:
        return str(bad)
    found = {m["name"] for m in node["methods"]}
    wanted = {m for m, _ in api_methods("api.json")}
    return "" if wanted <= found else f"without {', '.join(sorted(wanted - found))}"


def check_same_again():
    return "" if generated() == generated() else "two runs differ"


def tests():
    yield "a_small_good_schema_is_taken", check_good
    for sentence, (place, value, says) in BAD.items():
        yield f"schemagen_refuses_{sentence}", \
            lambda place=place, value=value, says=says: \
            refusal(schemas_with(place, value), says)
    yield "schemagen_refuses_a_key_that_is_said_twice", check_said_twice
    yield "schemagen_refuses_what_is_not_json", check_not_json
    yield "schemagen_refuses_a_file_that_is_no_object", check_no_object
    yield "schemagen_refuses_a_schema_without_an_api", check_no_api
    yield "schemagen_says_all_that_is_wrong_at_once", check_all_at_once
    yield "the_protocol_reference_is_up_to_date", check_protocol
    yield "an_old_protocol_reference_is_noticed", check_stale_protocol
    yield "every_method_has_a_handler_in_the_generated_table", check_handlers
    yield "what_rpc_discover_answers_has_every_method", check_openrpc
    yield "schemagen_makes_the_same_of_the_same", check_same_again


def main():
    failed = 0
    for sentence, check in tests():
        why = check()
        print(f"FAIL {sentence}: {why}" if why else f"ok {sentence}", flush=True)
        failed |= bool(why)
    return failed


if __name__ == "__main__":
    sys.exit(main())
