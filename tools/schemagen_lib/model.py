"""The schema in memory: read, checked, references resolved.

Everything that can be wrong with schema/*.json is found here, so that the writers of C
and of documents may believe what they are given.
"""
import json
import re
from dataclasses import dataclass, field
from typing import Any, Optional

INTEGER_LIMIT = 2 ** 53 - 1
FORMATS = ("text", "lines", "name", "uuid", "path", "label-key", "base64", "mac", "vm-ref")
UNITS = ("bytes", "ns", "us")
SCALARS = ("string", "integer", "boolean", "enum")

TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
FIELD_NAME = re.compile(r"[a-z][a-z0-9_]*")
WORD_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
METHOD_NAME = re.compile(r"[a-z]+(\.[a-z][a-z0-9_]*)*")

# What each kind of type may say about itself, besides "doc".
TYPE_KEYS = {
    "string": {"type", "minLength", "maxLength", "format"},
    "enum": {"type", "enum"},
    "integer": {"type", "minimum", "maximum", "wide", "unit"},
    "boolean": {"type"},
    "array": {"type", "items", "maxItems"},
    "object": {"type", "properties", "required"},
    "map": {"type", "additionalProperties", "maxProperties"},
    "ref": {"$ref"},
}
PROPERTY_KEYS = {"doc", "default", "required", "cli"}
CLI_KEYS = {"option", "short", "metavar", "inverted"}
METHOD_KEYS = {"method", "auth", "doc", "builtin", "fds", "params", "returns", "errors"}
NOTE_KEYS = {"notification", "doc", "params"}
ERROR_KEYS = {"name", "code", "http", "exit", "doc"}


@dataclass
class Type:
    """A shape: of a property, an item, or a named type."""
    kind: str
    doc: str = ""
    name: str = ""         # of an object, an enum, or whatever is named
    ref: str = ""          # the name by which the schema spoke of it
    format: str = "text"
    minimum: int = 0       # of an integer, or of a length
    maximum: int = 0       # of an integer, a length, a number of items or entries
    wide: bool = False
    unit: str = ""
    values: list = field(default_factory=list)
    items: Optional["Type"] = None   # of an array; the values of a map
    fields: list = field(default_factory=list)


@dataclass
class Field:
    name: str
    type: Type
    doc: str
    required: bool = False
    default: Any = None


@dataclass
class Method:
    """A call, or with `result` None a notification."""
    name: str
    doc: str
    params: Optional[Type]
    result: Optional[Type] = None
    auth: str = ""
    builtin: bool = False
    fds: bool = False
    errors: list = field(default_factory=list)


@dataclass
class Api:
    name: str
    methods: list = field(default_factory=list)
    notifications: list = field(default_factory=list)


@dataclass
class Schema:
    errors: list = field(default_factory=list)     # dicts, as in errors.json
    types: dict = field(default_factory=dict)      # name -> Type
    apis: dict = field(default_factory=dict)       # "api", "worker" -> Api

    def ordered(self):
        """Objects and enums, each behind what it is made of."""
        done, order = set(), []

        def visit(t):
            for f in t.fields:
                visit(f.type)
            if t.items:
                visit(t.items)
            if t.kind in ("object", "enum") and t.name not in done:
                done.add(t.name)
                order.append(t)

        for t in self.types.values():
            visit(t)
        return order


class Problems(list):
    """Complaints, each with the place it is about."""

    def add(self, where, text):
        self.append(f"{where}: {text}")


def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    twice = {k for k in keys if keys.count(k) > 1}
    if twice:
        raise ValueError(f"said twice: {', '.join(sorted(twice))}")
    return dict(pairs)


class Reader:
    def __init__(self, schema, problems):
        self.schema = schema
        self.problems = problems
        self.raw = {}         # name -> its JSON
        self.under_way = []   # named types being resolved, to find circles

    # -- helpers

    def keys(self, where, node, allowed):
        for key in node:
            if key not in allowed:
                self.problems.add(where, f'unknown key "{key}"')

    def documented(self, where, node):
        doc = node.get("doc")
        if not isinstance(doc, str) or not doc.strip():
            self.problems.add(where, 'has no "doc"')
        elif not doc.rstrip().endswith((".", "?", ")")):
            self.problems.add(where, '"doc" is not a sentence: no full stop')
        return doc if isinstance(doc, str) else ""

    def whole(self, where, node, key, low, high):
        """The whole number node[key], which must be there."""
        value = node.get(key)
        if isinstance(value, bool) or not isinstance(value, int):
            self.problems.add(where, f'"{key}" must be a whole number')
            return 0
        if not low <= value <= high:
            self.problems.add(where, f'"{key}" must be in {low}..{high}')
        return value

    def named(self, where, name):
        if name in self.schema.types:
            return self.schema.types[name]
        if name not in self.raw:
            self.problems.add(where, f'there is no type "{name}"')
            return Type("boolean", ref=name)
        if name in self.under_way:
            self.problems.add(where, f'"{name}" contains itself')
            return Type("boolean", ref=name)
        self.under_way.append(name)
        node = self.raw[name]
        t = self.type(name, node, PROPERTY_KEYS - {"default", "required", "cli"}, name)
        t.name = t.ref = name
        t.doc = self.documented(name, node) if isinstance(node, dict) else ""
        self.under_way.pop()
        if t.kind == "array":
            self.problems.add(name, "an array cannot be a named type")
        self.schema.types[name] = t
        return t

    # -- types

    def kind(self, node):
        if "$ref" in node:
            return "ref"
        kind = node.get("type")
        if kind == "string" and "enum" in node:
            return "enum"
        if kind == "object" and "additionalProperties" in node:
            return "map"
        return kind

    def type(self, where, node, extra, name=""):
        """The type that `node` describes; `name` when it is a named one."""
        if not isinstance(node, dict):
            self.problems.add(where, "must be an object")
            return Type("boolean")
        kind = self.kind(node)
        if kind not in TYPE_KEYS:
            self.problems.add(where, f'"type" must be one of {", ".join(TYPE_KEYS)}')
            return Type("boolean")
        if kind in ("object", "enum") and not name:
            self.problems.add(where, f"an {kind} must be a named type")
        allowed = TYPE_KEYS[kind] | extra
        self.keys(where, node, allowed - {"required"} if kind != "object" else allowed)
        return getattr(self, f"read_{kind}")(where, node)

    def read_ref(self, where, node):
        return self.named(where, node["$ref"])

    def read_string(self, where, node):
        t = Type("string", format=node.get("format", "text"))
        if t.format not in FORMATS:
            self.problems.add(where, f'unknown format "{t.format}"')
        t.maximum = self.whole(where, node, "maxLength", 0, 1 << 24)
        if "minLength" in node:
            t.minimum = self.whole(where, node, "minLength", 0, t.maximum)
        return t

    def read_enum(self, where, node):
        t = Type("enum", values=node["enum"])
        if not t.values or len(set(t.values)) != len(t.values):
            self.problems.add(where, "an enum has values, each once")
        for v in t.values:
            if not isinstance(v, str) or not WORD_NAME.fullmatch(v):
                self.problems.add(where, f"{v!r} is not kebab-case")
        return t

    def read_integer(self, where, node):
        t = Type("integer", wide=bool(node.get("wide")), unit=node.get("unit", ""))
        low, high = -INTEGER_LIMIT, INTEGER_LIMIT
        if t.wide:
            low, high = -(2 ** 63), 2 ** 64 - 1
        t.minimum = self.whole(where, node, "minimum", low, high)
        t.maximum = self.whole(where, node, "maximum", low, high)
        if t.minimum > t.maximum:
            self.problems.add(where, '"minimum" is above "maximum"')
        if t.minimum < 0 and t.maximum > 2 ** 63 - 1:
            self.problems.add(where, "no C type holds these bounds")
        if t.unit and t.unit not in UNITS:
            self.problems.add(where, f'unknown unit "{t.unit}"')
        return t

    def read_boolean(self, where, node):
        return Type("boolean")

    def read_array(self, where, node):
        t = Type("array")
        t.maximum = self.whole(where, node, "maxItems", 1, 1 << 20)
        if "items" not in node:
            self.problems.add(where, 'an array has "items"')
            t.items = Type("boolean")
            return t
        t.items = self.type(f"{where}[]", node["items"], {"doc"})
        if t.items.kind in ("array", "map"):
            self.problems.add(where, f"an array of {t.items.kind}s is not supported")
        return t

    def read_map(self, where, node):
        t = Type("map")
        t.maximum = self.whole(where, node, "maxProperties", 1, 1 << 16)
        t.items = self.type(f"{where}.*", node["additionalProperties"], {"doc"})
        if t.items.kind != "string":
            self.problems.add(where, "a map is one of strings")
        return t

    def read_object(self, where, node):
        required = node.get("required", [])
        t = Type("object", fields=self.fields(where, node.get("properties", {}), required))
        for name in required:
            if name not in node.get("properties", {}):
                self.problems.add(where, f'"required" names "{name}", which is not there')
        return t

    # -- properties

    def fields(self, where, properties, required=()):
        out = []
        for name, node in properties.items():
            place = f"{where}.{name}"
            if not FIELD_NAME.fullmatch(name):
                self.problems.add(place, "a property is lower_case")
            if not isinstance(node, dict):
                self.problems.add(place, "must be an object")
                continue
            node = dict(node)
            flag = node.pop("required", False)
            if not isinstance(flag, bool):
                self.problems.add(place, '"required" of a property is true or false')
            t = self.type(place, node, PROPERTY_KEYS)
            f = Field(name, t, self.documented(place, node), bool(flag or name in required))
            self.read_cli(place, node.get("cli"))
            if "default" in node:
                f.default = node["default"]
                self.check_default(place, f)
            out.append(f)
        return out

    def check_default(self, where, f):
        t, d = f.type, f.default
        if f.required:
            self.problems.add(where, "required, so that a default is never used")
        ok = {"string": lambda: isinstance(d, str) and
              t.minimum <= len(d.encode()) <= t.maximum,
              "enum": lambda: d in t.values,
              "boolean": lambda: isinstance(d, bool),
              "integer": lambda: isinstance(d, int) and not isinstance(d, bool) and
              t.minimum <= d <= t.maximum}.get(t.kind)
        if not ok:
            self.problems.add(where, f"an {t.kind} has no default")
        elif not ok():
            self.problems.add(where, f"the default {d!r} does not fit the type")

    def read_cli(self, where, cli):
        if cli is None:
            return
        self.keys(where, cli, CLI_KEYS)
        if not WORD_NAME.fullmatch(cli.get("option", "")):
            self.problems.add(where, 'an option is kebab-case')
        if not re.fullmatch(r"[A-Za-z]?", cli.get("short", "")):
            self.problems.add(where, "a short option is one letter")

    # -- files

    def read_errors(self, node):
        names, codes = set(), set()
        for err in node:
            where = f"error {err.get('name')}"
            self.keys(where, err, ERROR_KEYS)
            self.documented(where, err)
            if not WORD_NAME.fullmatch(str(err.get("name"))):
                self.problems.add(where, "a name is kebab-case")
            self.whole(where, err, "code", -32768, -1)
            self.whole(where, err, "http", 400, 599)
            self.whole(where, err, "exit", 1, 125)
            for seen, key in ((names, "name"), (codes, "code")):
                if err.get(key) in seen:
                    self.problems.add(where, f"{key} {err.get(key)} is used twice")
                seen.add(err.get(key))
        self.schema.errors = node

    def collect(self, name, types):
        for type_name, node in types.items():
            if not TYPE_NAME.fullmatch(type_name):
                self.problems.add(f"{name}: {type_name}", "a type is CamelCase")
            if type_name in self.raw:
                self.problems.add(f"{name}: {type_name}", "is defined twice")
            self.raw[type_name] = node

    def object_of(self, name, properties):
        t = Type("object", name=name, fields=self.fields(name, properties))
        return t

    def read_api(self, node):
        api = Api(node["api"])
        seen = set()
        for m in node.get("methods", []):
            api.methods.append(self.read_method(m, seen))
        for n in node.get("notifications", []):
            name = n.get("notification", "?")
            self.keys(name, n, NOTE_KEYS)
            self.check_name(name, seen)
            api.notifications.append(
                Method(name, self.documented(name, n),
                       self.object_of(f"{name}.params", n.get("params", {}))))
        self.schema.apis[api.name] = api

    def check_name(self, name, seen):
        if not METHOD_NAME.fullmatch(name):
            self.problems.add(name, "a method is lower.case")
        if name in seen:
            self.problems.add(name, "is there twice")
        seen.add(name)

    def read_method(self, node, seen):
        name = node.get("method", "?")
        self.keys(name, node, METHOD_KEYS)
        self.check_name(name, seen)
        m = Method(name, self.documented(name, node), None, auth=node.get("auth", ""),
                   builtin=bool(node.get("builtin")), fds=bool(node.get("fds")),
                   errors=node.get("errors", []))
        if not m.auth:
            self.problems.add(name, 'has no "auth"')
        if not m.builtin:
            m.params = self.object_of(f"{name}.params", node.get("params", {}))
            m.result = self.object_of(f"{name}.result", node.get("returns", {}))
        known = {err["name"] for err in self.schema.errors}
        for err in m.errors:
            if err not in known:
                self.problems.add(name, f'there is no error "{err}"')
        return m


def load(directory):
    """(Schema, Problems) of the *.json in `directory`."""
    schema, problems = Schema(), Problems()
    reader = Reader(schema, problems)
    files = {}
    for path in sorted(directory.glob("*.json")):
        try:
            files[path.name] = json.loads(path.read_text(encoding="utf-8"),
                                          object_pairs_hook=no_duplicates)
        except ValueError as bad:
            problems.add(path.name, str(bad))
            continue
        if not isinstance(files[path.name], dict):
            problems.add(path.name, "must be an object")
            del files[path.name]
    for name, node in files.items():
        reader.keys(name, node, {"api", "errors", "types", "methods", "notifications"})
        if "errors" in node:
            reader.read_errors(node["errors"])
        reader.collect(name, node.get("types", {}))
    for name in list(reader.raw):
        reader.named(name, name)
    for node in files.values():
        if "api" in node:
            reader.read_api(node)
    for name in ("api", "worker"):
        if name not in schema.apis:
            problems.add(directory, f'there is no API "{name}"')
    return schema, problems
