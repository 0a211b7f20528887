#!/usr/bin/env python3
"""vxd that dies and comes back while VMs run: none is lost, none is started twice."""
import ctypes
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake import (Failure, Reader, Vxd, alive, expect, expect_in,  # noqa: E402
                  needs_kvm, run_together, wait_until)

PR_SET_CHILD_SUBREAPER = 36


def restart(vx, sig=signal.SIGKILL):
    vx.stop(sig)
    vx.start()


def numbers_have_no_gaps(vx):
    numbers = [e["seq"] for e in vx.events()]
    expect("event numbers", numbers, list(range(1, len(numbers) + 1)))


@needs_kvm
def a_vm_outlives_a_vxd_that_is_killed_and_is_adopted():
    with Vxd() as vx:
        before = vx.run("vm", "print=before| echo")
        worker, keeper = vx.workers(), vx.keepers()
        wait_until("that it runs is recorded",
                   lambda: vx.events()[-1].get("state") == "running", 5)
        seen = len(vx.events())
        restart(vx)
        vx.wait_state("vm", "running")
        vm = vx.vm("vm")
        expect("workers", vx.workers(), worker)
        expect("keepers", vx.keepers(), keeper)
        expect("its keeper", [vm["pid"]], keeper)
        expect("instance", vm["instance"], 1)
        expect("definition", vm["definition"], before["definition"])
        reader = Reader(vx.client(), "vm")
        reader.until(b"before\n")
        reader.type(b"after\n")
        reader.until(b"before\nafter\n")
        vx.ctl("stop", "vm")
        vx.wait_end("vm", "stop")
        reader.until_end()
        vx.wait_no_process()
        vx.wait_no_dir()
        numbers_have_no_gaps(vx)
        expect("what happened since", [e.get("state") for e in vx.events(seen)],
               ["running", "stopping", "stopped"])


@needs_kvm
def a_vxd_that_ends_in_order_leaves_vms_running():
    with Vxd() as vx:
        vx.run("vm", "print=hello|")
        worker, = vx.workers()
        vx.stop(signal.SIGTERM)
        expect("exit status", vx.daemon.returncode, 0)
        expect("socket", vx.socket.exists(), False)
        time.sleep(0.3)
        expect("the worker lives", alive(worker), True)
        vx.start()
        vx.wait_state("vm", "running")
        Reader(vx.client(), "vm").until(b"hello\n")
        vx.ctl("kill", "vm")
        vx.wait_end("vm", "kill")


@needs_kvm
def how_a_vm_ended_while_vxd_was_away_is_recorded():
    ends = {"end=debug-exit:7 after=600": ("debug-exit", 7),
            "end=guest-poweroff after=600": ("guest-poweroff", 0),
            "die=exit:5 when=running after=600 words=oh~no": ("crash", 0),
            "die=signal:11 when=running after=600": ("crash", 0)}
    with Vxd() as vx:
        for i, words in enumerate(ends):
            vx.run(f"vm{i}", words)
        vx.run("stays")
        vx.stop(signal.SIGKILL)
        wait_until("the others ended", lambda: len(vx.keepers()) == 1, 10)
        vx.start()
        for i, (words, (reason, status)) in enumerate(ends.items()):
            vm = vx.wait_end(f"vm{i}", reason)
            expect("status", vm["end"]["status"], status)
            if "words" in words:
                expect("last words", vm["end"]["last_words"], "oh no")
        vx.wait_state("stays", "running")
        numbers_have_no_gaps(vx)
        for i in range(len(ends)):
            vx.call("vm.start", vm=f"vm{i}")
            vx.wait_state(f"vm{i}", ("running", "stopped", "failed"))


@needs_kvm
def a_worker_killed_while_vxd_was_away_has_crashed():
    with Vxd() as vx:
        vx.run("vm")
        vx.stop(signal.SIGKILL)
        os.kill(vx.workers()[0], signal.SIGKILL)
        wait_until("its keeper ends", lambda: not vx.keepers(), 10)
        vx.start()
        vx.wait_end("vm", "crash")


@needs_kvm
def a_vm_whose_keeper_was_killed_while_vxd_was_away_goes_on():
    with Vxd() as vx:
        vx.run("vm", "echo print=hello|")
        worker, = vx.workers()
        vx.stop(signal.SIGKILL)
        os.kill(vx.keepers()[0], signal.SIGKILL)
        time.sleep(0.2)
        expect("the worker lives", alive(worker), True)
        vx.start()
        vx.wait_state("vm", "running")
        Reader(vx.client(), "vm").until(b"hello\n")
        vx.ctl("kill", "vm")
        vx.wait_end("vm", "kill")
        expect("the worker lives", alive(worker), False)
        vx.call("vm.start", vm="vm")
        vx.wait_state("vm", "running")
        expect("workers", len(vx.workers()), 1)


@needs_kvm
def a_vm_whose_keeper_and_worker_were_killed_while_vxd_was_away_is_lost():
    with Vxd() as vx:
        vx.run("vm")
        vx.stop(signal.SIGKILL)
        vx.kill_leftovers()
        wait_until("both are gone", lambda: not vx.workers() + vx.keepers(), 10)
        vx.start()
        vm = vx.wait_end("vm", "lost")
        expect("state", vm["state"], "failed")
        expect_in("detail", vm["end"]["detail"], "neither its keeper nor its worker")
        vx.call("vm.start", vm="vm")
        vx.wait_state("vm", "running")


def process_numbered(pid):
    """A process of that number, if the kernel lets us have one."""
    for _ in range(100):
        try:
            with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as f:
                f.write(str(pid - 1))
        except OSError:
            return None
        child = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "30")
        if child == pid:
            return child
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return None


@needs_kvm
def the_numbers_of_a_dead_keeper_given_to_another_process_fool_nobody():
    # So that the keeper becomes our child: an init may leave it a zombie.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with Vxd() as vx:
        vx.run("vm")
        vm = vx.vm("vm")
        numbers = vx.keepers() + vx.workers()
        vx.stop(signal.SIGKILL)
        vx.kill_leftovers()
        wait_until("both are gone", lambda: not vx.workers() + vx.keepers(), 10)
        for pid in numbers:  # the worker is of the keeper's session
            os.waitpid(pid, 0)
        child = process_numbered(vm["pid"])
        if child is None:
            return "a process cannot be given a number of our choice"
        try:
            vx.start()
            vx.wait_end("vm", "lost")
            expect("the bystander lives", alive(child), True)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return None


@needs_kvm
def a_worker_that_hangs_in_its_start_is_found_again_and_killed():
    with Vxd() as vx:
        vx.create("vm", "hang", start=True)
        wait_until("the worker is there", vx.workers, 10)
        restart(vx)
        time.sleep(6)
        expect("its state", vx.state("vm"), "starting", "unknown")
        expect("workers", len(vx.workers()), 1)
        vx.ctl("kill", "vm")
        vx.wait_end("vm", "kill")
        vx.wait_no_process()


@needs_kvm
def workers_that_misbehave_are_unknown_to_a_new_vxd_too():
    with Vxd() as vx:
        kinds = ("mute", "liar", "garbage=bytes", "garbage=types")
        for i, words in enumerate(kinds):
            vx.create(f"vm{i}", words, start=True)
        wait_until("the workers are there", lambda: len(vx.workers()) == 4, 10)
        time.sleep(0.5)
        restart(vx)
        time.sleep(6)
        for i in range(len(kinds)):
            expect(f"state with {kinds[i]}", vx.state(f"vm{i}"), "unknown")
            vx.ctl("kill", f"vm{i}")
            vx.wait_end(f"vm{i}", "kill")
        vx.wait_no_process()


@needs_kvm
def a_worker_that_hands_out_another_console_is_reported():
    with Vxd() as vx:
        vx.run("vm", "badfds print=hello|")
        restart(vx)
        vx.wait_state("vm", "running")
        wait_until("it is reported", lambda: any(
            "does not hand out the console" in e.get("detail", "")
            for e in vx.events()), 5)
        vx.ctl("stop", "vm")
        vx.wait_end("vm", "stop")


@needs_kvm
def a_pipe_in_the_place_of_an_eventfd_is_not_read():
    with Vxd() as vx:
        vx.run("vm", "badkick print=hello|")
        restart(vx)
        vx.wait_state("vm", "running")
        wait_until("it is reported", lambda: any(
            "does not hand out the console" in e.get("detail", "")
            for e in vx.events()), 5)
        vx.ctl("stop", "vm")
        vx.wait_end("vm", "stop")


@needs_kvm
def a_keeper_killed_before_its_worker_listens_takes_it_along():
    with Vxd() as vx:
        vx.create("vm", "hang", start=True)
        wait_until("the worker is there", vx.workers, 10)
        os.kill(vx.keepers()[0], signal.SIGKILL)
        vx.wait_no_process()
        vx.wait_end("vm", "lost")


@needs_kvm
def what_a_dead_vxd_left_of_a_vm_that_is_no_more_is_swept_away():
    with Vxd() as vx:
        vx.run("vm")
        stray = vx.dir / "run/vms/01234567-89ab-7def-8123-456789abcdef/3"
        vx.stop(signal.SIGKILL)
        stray.mkdir(parents=True)
        (stray / "exit.json").write_text("{}")
        (stray / "control.sock").write_text("")
        vx.start()
        wait_until("it is gone", lambda: not stray.parent.exists(), 5)
        vx.wait_state("vm", "running")


@needs_kvm
def a_stop_goes_on_while_vxd_is_away():
    with Vxd() as vx:
        vx.run("deaf", "deaf")
        vx.call("vm.stop", vm="deaf")
        restart(vx)
        vx.wait_state("deaf", ("running", "stopping"))
        expect("desired", vx.vm("deaf")["desired"], "stopped")
        vx.ctl("kill", "deaf")
        vx.wait_end("deaf", "kill")


@needs_kvm
def an_ephemeral_vm_that_ended_while_vxd_was_away_is_removed():
    with Vxd() as vx:
        vx.run("vm", "end=guest-poweroff after=500", ephemeral=True)
        vx.stop(signal.SIGKILL)
        wait_until("it ended", lambda: not vx.keepers(), 10)
        vx.start()
        wait_until("it is removed", lambda: not vx.vms(), 10)
        vx.wait_no_dir()


def send_starts(vx, names):
    """Ask for all starts at once and wait for nothing."""
    client = vx.client()
    client.send_raw(b"".join(
        b'{"jsonrpc":"2.0","id":1,"method":"vm.start","params":{"vm":"%s"}}\n'
        % name.encode() for name in names))


def one_worker_each(vx, names):
    states = {name: vx.wait_state(name, ("running", "stopped", "failed"), 30)
              for name in names}
    running = sum(state == "running" for state in states.values())
    # Those of a VM that just failed may still be going.
    wait_until(f"one worker for each of {running} running VMs",
               lambda: len(vx.workers()) == running, 10)
    wait_until(f"one keeper for each of {running} running VMs",
               lambda: len(vx.keepers()) == running, 10)
    return states


def killed_within_a_start(seed, rounds):
    """At any moment of a start: then each VM runs or does not, and can be used."""
    names = [f"vm{i}" for i in range(6)]
    rng = random.Random(seed)
    seen = set()
    with Vxd() as vx:
        for name in names:
            vx.create(name)
        for _ in range(rounds):
            send_starts(vx, names)
            time.sleep(rng.uniform(0, 0.06))
            restart(vx)
            states = one_worker_each(vx, names)
            seen |= set(states.values())
            for name, state in states.items():
                if state == "running":
                    vx.call("vm.kill", vm=name)
            for name in names:
                vx.wait_state(name, ("stopped", "failed"))
            vx.wait_no_process()
        send_starts(vx, names)
        for name in names:
            vx.wait_state(name, "running")
        one_worker_each(vx, names)
        numbers_have_no_gaps(vx)
        for name in names:
            vx.call("vm.kill", vm=name)
        for name in names:
            vx.wait_end(name, "kill")
        vx.wait_no_dir()
    return seen


@needs_kvm
def a_vxd_killed_within_a_start_leaves_one_worker_or_none_1():
    killed_within_a_start(1, 6)


@needs_kvm
def a_vxd_killed_within_a_start_leaves_one_worker_or_none_2():
    killed_within_a_start(2, 6)


@needs_kvm
def a_vxd_killed_within_a_start_leaves_one_worker_or_none_3():
    killed_within_a_start(3, 6)


@needs_kvm
def a_vxd_killed_again_and_again_forgets_no_answer():
    """What was answered is there afterwards."""
    with Vxd() as vx:
        rng = random.Random(4)
        made = []
        for i in range(10):
            client = vx.client()
            client.send_raw(b"".join(
                b'{"jsonrpc":"2.0","id":"r%d-%d","method":"vm.create","params":{"vm":'
                b'{"name":"r%d-%d","memory":67108864,"boot":{"kernel":"/k"}}}}\n'
                % (i, n, i, n) for n in range(100)))
            time.sleep(rng.uniform(0, 0.03))
            vx.stop(signal.SIGKILL)
            try:
                while answer := client.read_line(5):
                    expect(f"answer {answer}", "result" in answer, True)
                    made.append(answer["id"])
            except ConnectionResetError:
                pass
            vx.start()
            page = vx.call("vm.list")
            there = {v["name"] for v in page["vms"]}
            gone = [name for name in made if name not in there]
            if gone:
                raise Failure(f"answered, then gone: {gone}")
        expect("more than a page", page["more"], False, True)
        numbers_have_no_gaps(vx)


if __name__ == "__main__":
    sys.exit(run_together([
        a_vxd_killed_within_a_start_leaves_one_worker_or_none_1,
        a_vxd_killed_within_a_start_leaves_one_worker_or_none_2,
        a_vxd_killed_within_a_start_leaves_one_worker_or_none_3,
        a_vxd_killed_again_and_again_forgets_no_answer,
        a_vm_outlives_a_vxd_that_is_killed_and_is_adopted,
        a_vxd_that_ends_in_order_leaves_vms_running,
        how_a_vm_ended_while_vxd_was_away_is_recorded,
        a_worker_killed_while_vxd_was_away_has_crashed,
        a_vm_whose_keeper_was_killed_while_vxd_was_away_goes_on,
        a_vm_whose_keeper_and_worker_were_killed_while_vxd_was_away_is_lost,
        the_numbers_of_a_dead_keeper_given_to_another_process_fool_nobody,
        a_worker_that_hangs_in_its_start_is_found_again_and_killed,
        workers_that_misbehave_are_unknown_to_a_new_vxd_too,
        a_worker_that_hands_out_another_console_is_reported,
        a_pipe_in_the_place_of_an_eventfd_is_not_read,
        a_keeper_killed_before_its_worker_listens_takes_it_along,
        what_a_dead_vxd_left_of_a_vm_that_is_no_more_is_swept_away,
        a_stop_goes_on_while_vxd_is_away,
        an_ephemeral_vm_that_ended_while_vxd_was_away_is_removed,
    ]))
