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
CMDLINE = ("console=ttyS0 quiet panic=-1 nokaslr audit=0 apparmor=0 mitigations=off "
           "rcupdate.rcu_expedited=1 cryptomgr.notests")


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


def debian_session(vx, name, cpus):
    """Boot, commands, reboot, stop: what an administrator does in the first minute."""
    create(vx, name, cpus)
    vx.ctl("start", name, seconds=60)
    with Console(vx, name) as console:
        seen = ready(console)
        if seen["cpus"] != str(cpus):
            raise Failure(f"the guest sees {seen['cpus']} CPUs, not {cpus}")
        if not 140_000 < int(seen["mem_kb"]) <= 192 * 1024:
            raise Failure(f"the guest sees {seen['mem_kb']} KiB of 192 MiB")
        # Put together by the guest's shell, so that no echo of the line matches.
        console.type("echo sum=$((6*7)); nproc; grep -c kvm-clock "
                     "/sys/devices/system/clocksource/clocksource0/"
                     "available_clocksource; echo end-of-$((40+2))")
        console.expect("sum=42", 30)
        answers = console.expect("end-of-42", 30).split()
        if answers[:2] != [str(cpus), "1"]:
            raise Failure(f"the guest answers {answers}")
        instance = vx.vm(name)["instance"]
        console.type("reboot -f")
        ready(console)
        after = vx.vm(name)
        if (after["state"], after["instance"]) != ("running", instance):
            raise Failure(f"after a reboot it is {after['state']}, "
                          f"instance {after['instance']}")
        vx.ctl("stop", name, "--deadline", "60", seconds=90)
        console.expect("vx-guest: power button", 30)
    end = vx.vm(name)
    if end["state"] != "stopped" or end["end"]["reason"] != "stop":
        raise Failure(f"after stop it is {end['state']}, {end['end']}")


def a_debian_kernel_with_1_cpu_takes_commands_reboots_and_stops():
    with Session() as vx:
        debian_session(vx, "one", 1)


def a_debian_kernel_with_2_cpus_takes_commands_reboots_and_stops():
    with Session() as vx:
        debian_session(vx, "two", 2)


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


def a_kernel_panic_is_told_apart():
    with Session() as vx:
        create(vx, "panics", 1, "--on-reboot", "stop")
        vx.ctl("start", "panics", seconds=60)
        with Console(vx, "panics") as console:
            ready(console)
            console.type("echo c > /proc/sysrq-trigger")
            vx.wait_state("panics", "failed", 60)
        if vx.vm("panics")["end"]["reason"] != "panic":
            raise Failure(f"it ended by {vx.vm('panics')['end']}")


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
        a_debian_kernel_with_1_cpu_takes_commands_reboots_and_stops,
        a_debian_kernel_with_2_cpus_takes_commands_reboots_and_stops,
        a_guest_that_powers_off_is_stopped_and_says_why,
        the_pvh_entry_boots_the_same_kernel_and_run_passes_the_guests_status,
        a_kernel_panic_is_told_apart,
        the_kernel_has_no_complaint_about_the_machine,
    ]))
