"""How names of the schema are spelled in C, and text that is about to become C."""
import re


def snake(name):
    """VmDefinition -> vm_definition, vm.start -> vm_start, pv-1 -> pv_1"""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[.-]", "_", name).lower()


def upper(name):
    return snake(name).upper()


def enum_value(enum_name, value):
    return f"{upper(enum_name)}_{upper(value)}"


def quote(text):
    """A C string literal."""
    out = []
    for byte in text.encode():
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif char == "\t":
            out.append("\\t")
        elif 32 <= byte < 127:
            out.append(char)
        else:
            out.append(f"\\{byte:03o}")
    return '"' + "".join(out) + '"'


def comment(text, indent=""):
    """A sentence of the schema as a comment of at most 88 columns."""
    text = text.replace("*/", "* /")
    line = f"{indent}/* {text} */"
    if len(line.expandtabs(8)) <= 88:
        return line
    words, lines, line = text.split(), [], f"{indent} *"
    for word in words:
        if len(f"{line} {word}".expandtabs(8)) > 88:
            lines.append(line)
            line = f"{indent} *"
        line += f" {word}"
    lines.append(line)
    return "\n".join([f"{indent}/*", *lines, f"{indent} */"])
