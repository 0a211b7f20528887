#!/usr/bin/env python3
"""vxd, keeper and workers that misbehave: what vxd makes of it, and that it lives on."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake import (RpcError, Vxd, alive, expect, expect_in, needs_kvm,  # noqa: E402
                  run_together, wait_until)


def lives_on(vx):
    """Another VM comes and goes as if nothing were."""
    vx.run("other", "print=hello")
    vx.call("vm.stop", vm="other")
    vx.wait_end("other", "stop")
    vx.call("vm.delete", vm="other")


def reports(vx, name):
    return [e["detail"] for e in vx.events()
            if e["name"] == name and e["type"] == "reported"]


@needs_kvm
def a_worker_that_exits_at_start_has_failed_and_its_last_words_are_shown():
    with Vxd() as vx:
        words = "words=first~line|no~memory~for~the~guest|"
        vx.ctl("create", "bad", "--kernel", str(vx.kernel), "--cmdline",
               f"die=exit:3 when=start {words}")
        done = vx.ctl("start", "bad", check=False)
        expect("exit status of vxctl start", done.returncode, 9)
        vm = vx.wait_end("bad", "start-failed")
        expect("its state", vm["state"], "failed")
        expect("its last words", vm["end"]["last_words"],
               "first line\nno memory for the guest\n")
        expect_in("what vxctl start says", done.stderr, "status 3",
                  "no memory for the guest")
        expect_in("what vxctl show says", vx.ctl("show", "bad").stdout,
                  "no memory for the guest")
        vx.wait_no_process()
        vx.wait_no_dir()
        lives_on(vx)


@needs_kvm
def how_a_worker_ends_becomes_the_reason_of_the_end():
    cases = {
        "end=guest-poweroff": ("stopped", "guest-poweroff", 0),
        "end=guest-reset": ("stopped", "guest-reset", 0),
        "end=debug-exit:42": ("stopped", "debug-exit", 42),
        "end=panic": ("failed", "panic", 0),
        "end=triple-fault": ("failed", "triple-fault", 0),
        "die=exit:0 when=running": ("failed", "crash", 0),
        "die=exit:7 when=running after=50": ("failed", "crash", 0),
        "die=exit:7 when=loading": ("failed", "start-failed", 0),
        "die=signal:4 when=running": ("failed", "crash", 0),
        "die=signal:11 when=loading": ("failed", "crash", 0),
        "die=signal:31 when=running": ("failed", "seccomp", 0),
    }
    with Vxd() as vx:
        for i, words in enumerate(cases):
            vx.create(f"vm{i}", words, start=True)
        for i, (words, (state, reason, status)) in enumerate(cases.items()):
            vm = vx.wait_end(f"vm{i}", reason)
            expect(f"state after {words}", vm["state"], state)
            expect(f"status after {words}", vm["end"].get("status", 0), status)
        vx.wait_no_process()
        vx.wait_no_dir()
        expect("running VMs", [v for v in vx.vms()
                               if v["state"] not in ("stopped", "failed")], [])


@needs_kvm
def a_worker_killed_from_outside_has_crashed():
    with Vxd() as vx:
        vx.run("vm")
        os.kill(vx.workers()[0], signal.SIGKILL)
        vm = vx.wait_end("vm", "crash")
        expect_in("the detail", vm["end"]["detail"], "signal 9")


@needs_kvm
def a_worker_that_hangs_at_start_stays_starting_and_is_killed():
    with Vxd() as vx:
        vx.create("hung", "hang", start=True)
        wait_until("the worker is there", vx.workers, 10)
        time.sleep(0.3)
        expect("its state", vx.state("hung"), "starting")
        try:
            vx.call("vm.stop", vm="hung")
            raise AssertionError("a VM that is starting could be stopped")
        except RpcError as e:
            expect("the error", e.name, "conflict")
            expect_in("its hint", e.data["hint"], "vxctl kill")
        vx.ctl("kill", "hung")
        expect("its state", vx.wait_end("hung", "kill")["state"], "stopped")
        vx.wait_no_process()
        lives_on(vx)


def unknown_and_killed(words, report, seconds):
    with Vxd() as vx:
        vx.run("odd", words, state="unknown", seconds=seconds)
        expect("workers", len(vx.workers()), 1)
        wait_until("it is reported", lambda: any(report in r for r in reports(vx, "odd")),
                   5)
        n = len(reports(vx, "odd"))
        time.sleep(3)
        expect("its state after a while", vx.state("odd"), "unknown")
        expect("reports after a while", len(reports(vx, "odd")), n)
        try:
            vx.call("vm.start", vm="odd")
            raise AssertionError("a VM of unknown state was started again")
        except RpcError as e:
            expect("the error of a start", e.name, "conflict")
        lives_on(vx)
        vx.ctl("kill", "odd")
        vx.wait_end("odd", "kill")
        vx.wait_no_process()


@needs_kvm
def a_worker_that_never_answers_hello_is_unknown_and_can_be_killed():
    unknown_and_killed("mute", "", 20)


@needs_kvm
def a_worker_that_claims_to_be_another_is_unknown_and_can_be_killed():
    unknown_and_killed("liar", "claims to be another", 10)


@needs_kvm
def a_worker_that_says_it_is_gone_is_unknown_and_can_be_killed():
    unknown_and_killed("refuse", "breaks off", 10)


@needs_kvm
def a_worker_that_changes_its_mind_all_the_time_is_not_listened_to():
    with Vxd() as vx:
        vx.create("odd", "fickle", start=True)
        wait_until("it is reported",
                   lambda: any("cannot decide" in r for r in reports(vx, "odd")), 10)
        with vx.client() as client:
            first = client.call("events.subscribe")["seq"]
        time.sleep(5)
        with vx.client() as client:
            said = client.call("events.subscribe")["seq"] - first
        if said > 5:
            raise Failure(f"{said} events in five seconds")
        lives_on(vx)
        vx.ctl("kill", "odd")
        vx.wait_end("odd", "kill")
        vx.wait_no_process()


@needs_kvm
def a_vm_may_be_paused_and_resumed_often():
    with Vxd() as vx:
        vx.run("vm")
        for _ in range(100):
            vx.call("vm.pause", vm="vm")
            vx.call("vm.resume", vm="vm")
        vx.wait_state("vm", "running")
        expect("reports", reports(vx, "vm"), [])


@needs_kvm
def a_worker_that_sends_bytes_is_unknown_and_can_be_killed():
    unknown_and_killed("garbage=bytes", "", 10)


@needs_kvm
def a_worker_that_sends_an_array_is_unknown_and_can_be_killed():
    unknown_and_killed("garbage=array", "", 10)


@needs_kvm
def a_worker_that_sends_too_much_is_unknown_and_can_be_killed():
    unknown_and_killed("garbage=huge", "", 10)


@needs_kvm
def a_worker_that_answers_with_wrong_types_is_unknown_and_can_be_killed():
    unknown_and_killed("garbage=types", "", 10)


@needs_kvm
def a_worker_that_nests_too_deep_is_unknown_and_can_be_killed():
    unknown_and_killed("garbage=deep", "", 10)


@needs_kvm
def notes_without_sense_are_ignored_and_the_others_heard():
    with Vxd() as vx:
        vx.run("noisy", "noisy")
        time.sleep(1)
        expect("its state", vx.state("noisy"), "running")
        resets = [e for e in vx.events() if e["type"] == "guest-reset"]
        if not resets:
            raise AssertionError("its resets were not heard")
        expect("who reset it", resets[0]["actor"], "guest")
        lives_on(vx)
        vx.ctl("stop", "noisy")
        vx.wait_end("noisy", "stop")


@needs_kvm
def a_guest_that_is_deaf_runs_on_after_the_deadline_or_is_killed_if_asked():
    with Vxd() as vx:
        vx.run("deaf", "deaf")
        done = vx.ctl("stop", "deaf", "--deadline", "1", check=False)
        expect("exit status of vxctl stop", done.returncode, 7)
        vx.wait_state("deaf", "running")
        vx.ctl("stop", "deaf", "--deadline", "1", "--then-kill")
        expect("its state", vx.wait_end("deaf", "kill")["state"], "stopped")


@needs_kvm
def a_keeper_killed_leaves_the_vm_running_and_kill_works():
    with Vxd() as vx:
        vx.run("vm", "echo")
        worker, = vx.workers()
        os.kill(vx.keepers()[0], signal.SIGKILL)
        wait_until("it is reported", lambda: reports(vx, "vm"), 5)
        expect("its state", vx.state("vm"), "running")
        expect("the worker lives", alive(worker), True)
        vx.ctl("kill", "vm")
        vx.wait_end("vm", "kill")
        vx.wait_no_process()
        vx.call("vm.start", vm="vm")
        vx.wait_state("vm", "running")


@needs_kvm
def a_vm_whose_keeper_was_killed_can_be_stopped_in_order():
    with Vxd() as vx:
        vx.run("vm")
        os.kill(vx.keepers()[0], signal.SIGKILL)
        wait_until("it is reported", lambda: reports(vx, "vm"), 5)
        vx.ctl("stop", "vm")
        expect("its state", vx.wait_end("vm", "stop")["state"], "stopped")
        vx.wait_no_process()


@needs_kvm
def a_keeper_that_is_stopped_is_killed_with_its_worker():
    with Vxd() as vx:
        vx.run("vm")
        os.kill(vx.keepers()[0], signal.SIGSTOP)
        vx.call("vm.kill", vm="vm")
        vx.wait_end("vm", "kill", seconds=15)
        vx.wait_no_process()


@needs_kvm
def a_keeper_that_cannot_start_its_worker_says_why():
    with Vxd() as vx:
        (vx.libexec / "vx-vmm").write_bytes(b"not a program")
        vx.create("vm", start=True)
        vm = vx.wait_end("vm", "start-failed")
        expect_in("the detail", vm["end"]["detail"], "start the worker", "execute")
        (vx.libexec / "vx-vmm").unlink()
        vx.call("vm.start", vm="vm")
        vm = vx.wait_end("vm", "start-failed")
        expect_in("the detail", vm["end"]["detail"], "vx-vmm", "No such file")


if __name__ == "__main__":
    sys.exit(run_together([
        a_worker_that_exits_at_start_has_failed_and_its_last_words_are_shown,
        how_a_worker_ends_becomes_the_reason_of_the_end,
        a_worker_killed_from_outside_has_crashed,
        a_worker_that_hangs_at_start_stays_starting_and_is_killed,
        a_worker_that_never_answers_hello_is_unknown_and_can_be_killed,
        a_worker_that_claims_to_be_another_is_unknown_and_can_be_killed,
        a_worker_that_says_it_is_gone_is_unknown_and_can_be_killed,
        a_worker_that_changes_its_mind_all_the_time_is_not_listened_to,
        a_vm_may_be_paused_and_resumed_often,
        a_worker_that_sends_bytes_is_unknown_and_can_be_killed,
        a_worker_that_sends_an_array_is_unknown_and_can_be_killed,
        a_worker_that_sends_too_much_is_unknown_and_can_be_killed,
        a_worker_that_answers_with_wrong_types_is_unknown_and_can_be_killed,
        a_worker_that_nests_too_deep_is_unknown_and_can_be_killed,
        notes_without_sense_are_ignored_and_the_others_heard,
        a_guest_that_is_deaf_runs_on_after_the_deadline_or_is_killed_if_asked,
        a_keeper_killed_leaves_the_vm_running_and_kill_works,
        a_vm_whose_keeper_was_killed_can_be_stopped_in_order,
        a_keeper_that_is_stopped_is_killed_with_its_worker,
        a_keeper_that_cannot_start_its_worker_says_why,
    ]))
