#!/usr/bin/env python3
"""Debian's unmodified cloud kernel on pv-1, through vxctl, vxd, keeper and vx-vmm.

Judged by what the guest prints. Boxed: needs a KVM that runs 64-bit kernels.
"""
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from session import Console, Failure, Session, run_tests  # noqa: E402

SRC = pathlib.Path(os.environ["VX_SRC"])
# The guests are emulated twice over in the box: generous, and only for hangs.
BOOT_SECONDS = 90
CMDLINE = "console=ttyS0 quiet panic=-1"


def images():
    out = subprocess.run([SRC / "tests/images/build", "--print"], check=True,
                         capture_output=True, text=True).stdout
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


IMAGES = images()


def create(vx, name, cpus, *extra, kernel="bzimage", cmdline=CMDLINE, memory="192M"):
    vx.ctl("create", name, "--cpus", str(cpus), "--memory", memory,
           "--kernel", IMAGES[kernel], "--initrd", IMAGES["initrd"],
           "--cmdline", cmdline, *extra)


def ready(console):
    console.expect("vx-guest: ready ", BOOT_SECONDS)
    return dict(f.split("=") for f in console.expect("\n", 10).split())


def a_debian_kernel_with_2_cpus_takes_commands_reboots_and_stops():
    with Session() as vx:
        create(vx, "deb", 2)
        vx.ctl("start", "deb", seconds=60)
        with Console(vx, "deb") as console:
            seen = ready(console)
            if seen["cpus"] != "2":
                raise Failure(f"the guest sees {seen['cpus']} CPUs, not 2")
            if not 150_000 < int(seen["mem_kb"]) <= 192 * 1024:
                raise Failure(f"the guest sees {seen['mem_kb']} KiB of 192 MiB")
            console.type("echo sum=$((6*7)); nproc; cat /sys/hypervisor/type; "
                         "grep -c kvm-clock "
                         "/sys/devices/system/clocksource/clocksource0/"
                         "available_clocksource; echo end-of-it")
            console.expect("sum=42", 30)
            console.expect("end-of-it", 30)
            instance = vx.vm("deb")["instance"]
            console.type("reboot -f")
            ready(console)
            after = vx.vm("deb")
            if (after["state"], after["instance"]) != ("running", instance):
                raise Failure(f"after a reboot it is {after['state']}, "
                              f"instance {after['instance']}")
            vx.ctl("stop", "deb", "--deadline", "60", seconds=90)
            console.expect("vx-guest: power button", 30)
        end = vx.vm("deb")
        if end["state"] != "stopped" or end["end"]["reason"] != "stop":
            raise Failure(f"after stop it is {end['state']}, {end['end']}")


def a_guest_that_powers_off_is_stopped_and_says_why():
    with Session() as vx:
        create(vx, "off", 1, cmdline=CMDLINE + " vx.poweroff")
        vx.ctl("start", "off", seconds=60)
        vx.wait_state("off", "stopped", BOOT_SECONDS)
        if vx.vm("off")["end"]["reason"] != "guest-poweroff":
            raise Failure(f"it ended by {vx.vm('off')['end']}")


def the_pvh_entry_boots_the_same_kernel_and_run_passes_the_guests_status():
    with Session() as vx:
        done = vx.ctl("run", "--kernel", IMAGES["vmlinux"], "--initrd", IMAGES["initrd"],
                      "--protocol", "pvh", "--debug-exit", "--memory", "256M",
                      "--cmdline", CMDLINE + " vx.exit=42", check=False,
                      seconds=BOOT_SECONDS)
        if done.returncode != 42 or "vx-guest: ready" not in done.stdout:
            raise Failure(f"exit {done.returncode}: {done.stdout[-800:]} {done.stderr}")
        if vx.vms():
            raise Failure("the VM of `run` is still there")


def the_kernel_has_no_complaint_about_the_machine():
    with Session() as vx:
        create(vx, "log", 1, cmdline="console=ttyS0 panic=-1 loglevel=4 vx.poweroff")
        vx.ctl("start", "log", seconds=60)
        vx.wait_state("log", "stopped", BOOT_SECONDS)
        with Console(vx, "log") as console:
            console.expect("vx-guest: ready", 10)
        bad = re.findall(r".*(?:ACPI (?:BIOS )?(?:Error|Warning)|Call Trace|BUG:|"
                         r"WARNING:|MP-BIOS bug|Firmware Bug).*", console.text)
        if bad:
            raise Failure(f"the kernel says: {bad[:5]}")


if __name__ == "__main__":
    sys.exit(run_tests([
        a_debian_kernel_with_2_cpus_takes_commands_reboots_and_stops,
        a_guest_that_powers_off_is_stopped_and_says_why,
        the_pvh_entry_boots_the_same_kernel_and_run_passes_the_guests_status,
        the_kernel_has_no_complaint_about_the_machine,
    ]))
