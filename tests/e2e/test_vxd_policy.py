#!/usr/bin/env python3
"""VMs that vxd starts by itself: after their end, and from the beginning."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake import Vxd, expect, needs_kvm, refused, run_together, wait_until  # noqa: E402


def wait_instance(vx, name, number, seconds=20):
    wait_until(f"{name} is at instance {number}",
               lambda: vx.vm(name)["instance"] >= number, seconds)


@needs_kvm
def a_vm_that_fails_is_started_again_ever_later():
    with Vxd() as vx:
        vx.create("bad", "die=exit:3 when=running", start=True, restart="on-failure")
        wait_instance(vx, "bad", 4)
        starts = [e["time_us"] for e in vx.events()
                  if e["type"] == "state" and e["state"] == "starting"]
        gaps = [b - a for a, b in zip(starts, starts[1:])]
        # A timer may be late, and is never early: 1 s, 2 s, 4 s.
        for gap, least in zip(gaps, (1_000_000, 2_000_000, 4_000_000)):
            if gap < least:
                raise AssertionError(f"started again after {gaps} us")
        starter = [e["actor"] for e in vx.events()
                   if e["type"] == "state" and e["state"] == "starting"]
        expect("who started it again", starter[1], "vxd")


@needs_kvm
def its_place_in_the_row_is_shown_and_a_stop_ends_it():
    for verb in ("vm.stop", "vm.kill"):
        with Vxd() as vx:
            vx.create("bad", "die=exit:3 when=running", start=True, restart="always")
            wait_until("it waits", lambda vx=vx: "restart_us" in vx.vm("bad"), 10)
            vm = vx.call(verb, vm="bad")["vm"]
            expect("its state", vm["state"], "failed")
            expect("what is wanted", vm["desired"], "stopped")
            expect("a time", "restart_us" in vm, False)
            time.sleep(2.5)
            expect("its instance", vx.vm("bad")["instance"], vm["instance"])
            vx.call("vm.delete", vm="bad")


@needs_kvm
def only_the_ends_that_a_policy_names_are_followed_by_a_start():
    cases = (("on-failure", "end=guest-poweroff", False),
             ("on-failure", "end=debug-exit:0", False),
             ("on-failure", "end=debug-exit:1", True),
             ("on-failure", "end=panic", True),
             ("always", "end=guest-poweroff", True),
             ("never", "end=panic", False))
    with Vxd() as vx:
        for i, (policy, words, _) in enumerate(cases):
            vx.create(f"vm-{i}", words, start=True, restart=policy)
        for i, (policy, words, again) in enumerate(cases):
            vx.wait_state(f"vm-{i}", ("stopped", "failed", "starting", "running"))
            if again:
                wait_instance(vx, f"vm-{i}", 2)
        time.sleep(1.5)
        for i, (policy, words, again) in enumerate(cases):
            if not again:
                expect(f"{policy} after {words}: instance", vx.vm(f"vm-{i}")["instance"], 1)


@needs_kvm
def what_was_stopped_or_killed_stays_so():
    with Vxd() as vx:
        for name, verb in (("a", "vm.stop"), ("b", "vm.kill")):
            vx.run(name, restart="always")
            vx.call(verb, vm=name)
            vx.wait_state(name, ("stopped", "failed"))
        time.sleep(1.5)
        for name in ("a", "b"):
            vm = vx.vm(name)
            expect(name, (vm["state"], vm["instance"]), ("stopped", 1))


@needs_kvm
def a_vxd_that_was_killed_meanwhile_starts_it_again_all_the_same():
    with Vxd() as vx:
        vx.create("bad", "die=exit:3 when=running", start=True, restart="on-failure")
        wait_until("it waits", lambda: "restart_us" in vx.vm("bad"), 10)
        number = vx.vm("bad")["instance"]
        vx.stop(signal.SIGKILL)
        vx.start()
        wait_instance(vx, "bad", number + 1)


@needs_kvm
def a_restart_without_its_kernel_is_reported_and_tried_again():
    with Vxd() as vx:
        vx.create("bad", "die=exit:3 when=running after=300", start=True, restart="always")
        vx.wait_state("bad", "running")
        vx.kernel.rename(vx.dir / "away")
        wait_until("a report", lambda: any(
            e["type"] == "reported" and "kernel" in e["detail"] for e in vx.events()), 20)
        number = vx.vm("bad")["instance"]
        (vx.dir / "away").rename(vx.kernel)
        wait_instance(vx, "bad", number + 1)


@needs_kvm
def autostart_comes_with_the_first_vxd_and_not_with_the_next():
    with Vxd() as vx:
        vx.create("auto", autostart=True)
        vx.create("other")
        vx.stop()
        vx.start()
        vx.wait_state("auto", "running")
        expect("the other", vx.state("other"), "stopped")
        vx.call("vm.stop", vm="auto")
        vx.wait_end("auto", "stop")
        vx.stop()
        vx.start()
        time.sleep(1)
        expect("once more", vx.vm("auto")["instance"], 1)


def an_ephemeral_vm_has_no_policy():
    with Vxd() as vx:
        refused("create", "invalid-params", ["vm.restart"], vx.create, "eph",
                ephemeral=True, restart="always")


if __name__ == "__main__":
    sys.exit(run_together([
        a_vm_that_fails_is_started_again_ever_later,
        its_place_in_the_row_is_shown_and_a_stop_ends_it,
        only_the_ends_that_a_policy_names_are_followed_by_a_start,
        what_was_stopped_or_killed_stays_so,
        a_vxd_that_was_killed_meanwhile_starts_it_again_all_the_same,
        a_restart_without_its_kernel_is_reported_and_tried_again,
        autostart_comes_with_the_first_vxd_and_not_with_the_next,
        an_ephemeral_vm_has_no_policy,
    ]))
