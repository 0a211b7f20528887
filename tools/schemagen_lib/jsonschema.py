"""OpenRPC: the API as rpc.discover answers it, with JSON Schema 2020-12 for the shapes."""
import json

from .cname import snake


def of_type(t, inline=False):
    """JSON Schema of a type; a named one by reference unless `inline`."""
    if t.name and not inline:
        return {"$ref": f"#/components/schemas/{t.name}"}
    if t.kind == "string":
        out = {"type": "string", "maxLength": t.maximum}
        if t.minimum:
            out["minLength"] = t.minimum
        if t.format != "text":
            out["format"] = t.format
        return out
    if t.kind == "enum":
        return {"type": "string", "enum": t.values}
    if t.kind == "integer":
        if t.wide:
            return {"type": "string", "pattern": "^-?[0-9]{1,20}$"}
        return {"type": "integer", "minimum": t.minimum, "maximum": t.maximum}
    if t.kind == "boolean":
        return {"type": "boolean"}
    if t.kind == "array":
        return {"type": "array", "items": of_type(t.items), "maxItems": t.maximum}
    if t.kind == "map":
        return {"type": "object", "additionalProperties": of_type(t.items),
                "maxProperties": t.maximum}
    return of_object(t)


def of_field(f):
    out = dict(of_type(f.type), description=f.doc)
    if f.default is not None:
        out["default"] = f.default
    return out


def of_object(t):
    out = {"type": "object", "properties": {f.name: of_field(f) for f in t.fields},
           "additionalProperties": False}
    required = [f.name for f in t.fields if f.required]
    if required:
        out["required"] = required
    return out


def components(schema, api):
    """Schemas of what the API's shapes speak of."""
    used = {}

    def visit(t):
        if t.name in used:
            return
        if t.name and "." not in t.name:
            used[t.name] = t
        for f in t.fields:
            visit(f.type)
        if t.items:
            visit(t.items)

    for m in api.methods + api.notifications:
        for t in (m.params, m.result):
            if t is not None:
                visit(t)
    return {n: dict(of_type(t, inline=True), description=t.doc)
            for n, t in sorted(used.items())}


def openrpc(schema, version):
    api = schema.apis["api"]
    errors = {e["name"]: {"code": e["code"], "message": e["doc"]} for e in schema.errors}
    methods = []
    for m in api.methods:
        entry = {"name": m.name, "description": m.doc, "paramStructure": "by-name",
                 "params": [], "result": {"name": "result", "schema": {"type": "object"}},
                 "errors": [errors[n] for n in m.errors], "x-permission": m.auth}
        if m.params is not None:
            entry["params"] = [{"name": f.name, "required": f.required,
                                "description": f.doc, "schema": of_field(f)}
                               for f in m.params.fields]
            entry["result"] = {"name": snake(m.name), "schema": of_object(m.result)}
        methods.append(entry)
    notes = [{"name": n.name, "description": n.doc, "params": of_object(n.params)}
             for n in api.notifications]
    return json.dumps({"openrpc": "1.2.6",
                       "info": {"title": "vx", "version": version},
                       "methods": methods, "x-notifications": notes,
                       "components": {"schemas": components(schema, api)}},
                      separators=(",", ":"))
