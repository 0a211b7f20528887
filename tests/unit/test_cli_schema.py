#!/usr/bin/env python3
"""The "cli" keys of the schema against the options that vxctl says it has.

A method's parameters, and the types that they are made of, are options of one command;
`run` has those of the VM alone. An option that the schema does not know must be one
of those that vxctl has for itself.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

SRC = pathlib.Path(os.environ["VX_SRC"])
VXCTL = pathlib.Path(os.environ["VX_BUILD"]) / "vxctl"
COMMANDS = {"create": "vm.create", "list": "vm.list", "show": "vm.get",
            "start": "vm.start", "stop": "vm.stop", "kill": "vm.kill",
            "delete": "vm.delete", "console": "console.attach",
            "events": "events.subscribe", "version": "system.version"}
COMMON = {"socket", "project", "output", "help"}
# Maps, waiting and resuming have no single parameter that they set.
OWN = {"create": {"label"}, "run": {"label"}, "stop": {"no-wait"}, "events": {"after"}}


def load(name):
    return json.loads((SRC / "schema" / name).read_text())


def schema_options(shape, types):
    """{option: (letter, metavar or None)} of a shape and all that it refers to."""
    found = {}
    for prop in shape.values():
        cli = prop.get("cli")
        target = types.get(prop.get("$ref"), prop)
        if cli:
            takes = target["type"] != "boolean"
            metavar = cli.get("metavar") if takes else None
            found[cli["option"]] = (cli.get("short"), metavar)
        found.update(schema_options(target.get("properties", {}), types))
    return found


def shown_options(command):
    text = subprocess.run([VXCTL, command, "--help"], check=True, capture_output=True,
                          text=True).stdout
    line = re.compile(r"^  (?:-(\w), |    )--([a-z-]+)(?: (\S+))?", re.M)
    return {name: (letter or None, metavar or None)
            for letter, name, metavar in line.findall(text)}


def compare(command, wanted):
    shown = shown_options(command)
    wrong = [f"{command}: --{name} is {shown.get(name)}, in the schema {want}"
             for name, want in wanted.items() if shown.get(name) != want]
    extra = set(shown) - set(wanted) - COMMON - OWN.get(command, set())
    return wrong + [f"{command}: --{name} is not in the schema" for name in sorted(extra)]


def main():
    types = load("types.json")["types"]
    methods = {m["method"]: m for m in load("api.json")["methods"]}
    wrong = []
    for command, method in COMMANDS.items():
        wrong += compare(command, schema_options(methods[method]["params"], types))
    wrong += compare("run", schema_options(types["VmSpec"]["properties"], types))
    name = "vxctl_has_the_options_that_the_schema_names_and_no_others"
    print(f"FAIL {name}: {'; '.join(wrong)}" if wrong else f"ok {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
