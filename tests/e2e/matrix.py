#!/usr/bin/env python3
"""One of Debian's kernels on pv-1, over vCPUs, memory and boot protocols.

    tests/e2e/matrix.py [--table FILE] META...

META is a package such as linux-image-6.1-amd64, whose guest `tests/images/build META`
has made. Each row is a VM of its own, run by `vxctl run`; judged by what the guest
prints and by the status that it ends with. A line for docs/tested.md is appended to
FILE for each kernel. Boxed: needs a KVM that runs 64-bit kernels.
"""
import argparse
import itertools
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SRC = HERE.parent.parent
os.environ.setdefault("VX_BUILD", str(SRC / "build/release"))
sys.path.insert(0, str(HERE))
from session import Failure, Session  # noqa: E402

BOOT_SECONDS = 120
CMDLINE = "console=ttyS0 quiet panic=-1 vx.exit=42"
MIB = {"128M": 128, "1G": 1024, "4G": 4096}
CPUS = (1, 2, 4)
PROTOCOLS = {"linux": "bzimage", "pvh": "vmlinux"}
# The first kernel gets every combination, the others each value with each protocol.
WIDE = "linux-image-6.12-cloud-amd64"
FEW = [(1, "128M", "linux"), (2, "1G", "linux"), (4, "4G", "linux"),
       (1, "4G", "pvh"), (2, "128M", "pvh"), (4, "1G", "pvh")]
# Below what Linux says it has lie its own image and the areas that no guest gets.
KERNEL_MIB = 100


def images(meta):
    """What the guest of META is made of, or None if there is none."""
    done = subprocess.run([SRC / "tests/images/build", "--print", meta], check=False,
                          capture_output=True, text=True)
    if done.returncode:
        return None
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def boot(vx, found, cpus, memory, protocol):
    """Run one guest: seconds until it was ready. Failure tells what was wrong."""
    began = time.monotonic()
    try:
        done = vx.ctl("run", "--kernel", found[PROTOCOLS[protocol]], "--initrd",
                      found["initrd"], "--protocol", protocol, "--cpus", str(cpus),
                      "--memory", memory, "--debug-exit", "--cmdline", CMDLINE,
                      check=False, seconds=BOOT_SECONDS)
    except subprocess.TimeoutExpired as e:
        raise Failure(f"not done after {BOOT_SECONDS} s; its console: "
                      f"{(e.stdout or b'')[-800:]!r}") from None
    took = time.monotonic() - began
    ready = re.search(r"vx-guest: ready cpus=(\d+) mem_kb=(\d+)", done.stdout)
    if not ready or done.returncode != 42:
        raise Failure(f"exit {done.returncode}: {done.stdout[-800:]!r} {done.stderr!r}")
    if int(ready[1]) != cpus:
        raise Failure(f"the guest sees {ready[1]} CPUs")
    mib = int(ready[2]) / 1024
    if not MIB[memory] - KERNEL_MIB - MIB[memory] / 25 < mib <= MIB[memory]:
        raise Failure(f"the guest sees {mib:.0f} MiB")
    return took


def rows(meta):
    if meta == WIDE:
        return list(itertools.product(CPUS, MIB, PROTOCOLS))
    return FEW


def kernel(meta, table):
    """All rows of one kernel; True if none failed."""
    found = images(meta)
    if not found:
        print(f"skip matrix {meta}: tests/images/build cannot make its guest", flush=True)
        return True
    release = pathlib.Path(found["initrd"]).parent.name.rpartition("-")[0]
    times, failed = [], []
    with Session() as vx:
        for cpus, memory, protocol in rows(meta):
            what = f"{cpus} CPUs, {memory}, {protocol}"
            try:
                times.append(boot(vx, found, cpus, memory, protocol))
                print(f"ok matrix {release}, {what}: {times[-1]:.1f} s", flush=True)
            except Failure as e:
                failed.append(what)
                print(f"FAIL matrix {release}, {what}: {e}", flush=True)
    if table:
        median = f"{statistics.median(times):.1f} s" if times else "-"
        with open(table, "a", encoding="utf-8") as f:
            f.write(f"| {release} | {len(times)} of {len(rows(meta))} | {median} | "
                    f"{'; '.join(failed) or 'none'} |\n")
    return not failed


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--table", metavar="FILE")
    p.add_argument("metas", nargs="+", metavar="META")
    args = p.parse_args()
    return 0 if all([kernel(meta, args.table) for meta in args.metas]) else 1


if __name__ == "__main__":
    sys.exit(main())
