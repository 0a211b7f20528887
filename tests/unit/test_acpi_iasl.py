#!/usr/bin/env python3
"""The ACPI tables through iasl: it reads each one, and compiles what it read.

That must go without an error or a warning, and the bytes must come out as they were,
but for the header fields in which iasl names itself. The RSDP iasl can only write:
test_acpi.c checks it.
"""
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

DUMP = pathlib.Path(os.environ["VX_BUILD"]) / "tests/unit/acpi_dump"
BASE = 0xe0000  # MAP_RSDP
HEADER = 36
CREATOR = slice(28, 36)
CHECKSUM = 9
CPUS = (1, 2, 254)


def tables(blob):
    """{signature: bytes} of all that the RSDP leads to."""
    def table(address):
        at = address - BASE
        length, = struct.unpack_from("<I", blob, at + 4)
        return blob[at:at + length]

    xsdt_at, = struct.unpack_from("<Q", blob, 24)
    xsdt = table(xsdt_at)
    found = {"XSDT": xsdt}
    for address, in struct.iter_unpack("<Q", xsdt[HEADER:]):
        content = table(address)
        found[content[:4].decode()] = content
    facs_at, dsdt_at = struct.unpack_from("<II", found["FACP"], HEADER)
    found["FACS"] = table(facs_at)
    found["DSDT"] = table(dsdt_at)
    return found


def without_creator(content):
    changed = bytearray(content)
    changed[CREATOR] = bytes(8)
    changed[CHECKSUM] = 0
    return bytes(changed)


def iasl(*args):
    """What iasl had to say against it, or ""."""
    done = subprocess.run(["iasl", *args], capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    bad = [line for line in text.splitlines()
           if re.search("Error|Warning|Invalid|not contain", line)
           and "0 Errors, 0 Warnings" not in line]
    if done.returncode and not bad:
        bad = [f"iasl exits {done.returncode}"]
    return "; ".join(bad)


def check(folder, name, content):
    """Why a table is bad, or ""."""
    table, source = folder / f"{name}.dat", folder / f"{name}.dsl"
    table.write_bytes(content)
    said = iasl("-p", str(folder / name), "-d", str(table))
    if said or not source.exists():
        return said or "iasl does not read it"
    said = iasl("-we", "-p", str(folder / f"{name}-again"), str(source))
    compiled = folder / f"{name}-again.aml"
    if said or not compiled.exists():
        return said or "iasl does not compile what it read"
    again = compiled.read_bytes()
    if name != "FACS":  # which has no creator
        again, content = without_creator(again), without_creator(content)
    return "" if again == content else "it comes out otherwise"


def check_machine(cpus):
    blob = subprocess.run([DUMP, str(cpus)], check=True, capture_output=True).stdout
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        for table, content in tables(blob).items():
            why = check(pathlib.Path(name), table, content)
            sentence = f"iasl_understands_{table}_of_{cpus}_cpus"
            print(f"FAIL {sentence}: {why}" if why else f"ok {sentence}")
            failed |= bool(why)
    return failed


def main():
    if not shutil.which("iasl"):
        print("skip iasl_understands_the_tables: there is no iasl")
        return 77
    return max(check_machine(cpus) for cpus in CPUS)


if __name__ == "__main__":
    sys.exit(main())
