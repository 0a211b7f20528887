"""docs/protocol.md: the protocols for people."""

HEAD = """\
# Protocols

<!-- made by tools/schemagen from schema/*.json: change those -->

Clients speak JSON-RPC 2.0 with vxd over `vxd.sock`, one JSON text per line, UTF-8. Batches,
notifications and every type of id are supported; parameters are given by name. vxd sends
notifications to a connection that asked for them. `rpc.discover` answers with the OpenRPC description
of what follows. vxd, keeper and worker exchange the same kind of messages over SOCK_SEQPACKET sockets,
one JSON text per packet, with descriptors beside it.

An error carries `code`, `message` (a sentence) and `data`: `name`, and where there is one `object`
(what it is about), `path` (the field, as `vm.boot.kernel`), `hint` (the way out) and `last_words`
(what a failed worker wrote).

Sizes are bytes, times microseconds since 1970 UTC, lengths of strings bytes of UTF-8.
"""


def cell(text):
    return text.replace("|", "\\|").replace("\n", " ")


def link(t):
    return f"[{t.name}](#{t.name.lower()})"


def spell(t):
    """A type in a few words."""
    if t.name and "." not in t.name:
        return link(t)
    if t.kind == "string":
        what = "string" if t.format == "text" else f"string ({t.format})"
        low = f"{t.minimum} to " if t.minimum else "up to "
        return f"{what}, {low}{t.maximum} bytes"
    if t.kind == "integer":
        unit = f" {t.unit}" if t.unit else ""
        wide = ", as a decimal string" if t.wide else ""
        return f"integer {t.minimum} to {t.maximum}{unit}{wide}"
    if t.kind == "array":
        return f"array of up to {t.maximum}: {spell(t.items)}"
    if t.kind == "map":
        return f"map of up to {t.maximum} strings"
    return t.kind


def default(f):
    if f.required:
        return "required"
    if f.default is None:
        return "optional"
    value = {True: "true", False: "false"}.get(f.default, f.default) \
        if isinstance(f.default, bool) else f.default
    return f"default `{value}`"


def fields(t):
    if not t.fields:
        return []
    out = ["| field | type | | meaning |", "|---|---|---|---|"]
    out += [f"| `{f.name}` | {spell(f.type)} | {default(f)} | {cell(f.doc)} |"
            for f in t.fields]
    return [*out, ""]


def method(m):
    out = [f"### {m.name}", "", m.doc, ""]
    if m.auth:
        out += [f"Permission: `{m.auth}`."
                + (f" Errors: {', '.join(f'`{e}`' for e in m.errors)}." if m.errors else ""),
                ""]
    if m.params is not None and m.params.fields:
        out += ["Parameters:", "", *fields(m.params)]
    if m.result is not None and m.result.fields:
        out += ["Result:", "", *fields(m.result)]
    return out


def api(title, a, notes):
    out = [f"## {title}", ""]
    for m in a.methods:
        out += method(m)
    out += [f"## {notes}", ""]
    for n in a.notifications:
        out += method(n)
    return out


def named(t):
    out = [f"### {t.name}", "", t.doc, ""]
    if t.kind == "enum":
        return [*out, "One of " + ", ".join(f"`{v}`" for v in t.values) + ".", ""]
    if t.kind == "object":
        return out + fields(t)
    name, t.name = t.name, ""
    out += [spell(t)[0].upper() + spell(t)[1:] + ".", ""]
    t.name = name
    return out


def protocol_md(schema):
    out = [HEAD]
    out += api("Methods", schema.apis["api"], "Notifications")
    out += api("Worker: calls", schema.apis["worker"], "Worker: notes")
    out += ["## Types", ""]
    for t in sorted(schema.types.values(), key=lambda t: t.name):
        out += named(t)
    out += ["## Errors", "", "| name | code | HTTP | exit | meaning |", "|---|---|---|---|---|"]
    out += [f"| `{e['name']}` | {e['code']} | {e['http']} | {e['exit']} | {cell(e['doc'])} |"
            for e in schema.errors]
    return out
