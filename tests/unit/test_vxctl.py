#!/usr/bin/env python3
"""vxctl as a program, against a vxd of the test's own making (fake_vxd.py)."""
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
from fake_vxd import FakeVxd  # noqa: E402
from session import BUILD, Failure, run_tests, wait_until  # noqa: E402

VXCTL = BUILD / "vxctl"
SECONDS = 20


class World:
    """A fake vxd and the vxctl that talks to it."""

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vxctl-test."))
        self.vxd = FakeVxd(self.dir / "vxd.sock")
        self.env = {**os.environ, "VX_SOCKET": str(self.dir / "vxd.sock")}
        return self

    def __exit__(self, *_):
        self.vxd.close()
        shutil.rmtree(self.dir)

    def ctl(self, *args, want=0, stdin=b"", **kwargs):
        done = subprocess.run([VXCTL, *args], input=stdin, capture_output=True,
                              env=self.env, timeout=SECONDS, check=False,
                              cwd=self.dir, **kwargs)
        done.out, done.err = done.stdout.decode(), done.stderr.decode()
        if done.returncode != want:
            raise Failure(f"vxctl {' '.join(args)}: exit {done.returncode}, not {want}: "
                          f"{done.out} {done.err}")
        return done

    def popen(self, *args, **kwargs):
        return subprocess.Popen([VXCTL, *args], env=self.env, cwd=self.dir, **kwargs)

    def create(self, name, words="", *options):
        return self.ctl("create", name, "-k", "/k", "-a", words, *options)

    def called(self, method):
        return [params for name, params in self.vxd.calls if name == method]


def equal(got, want, what="it"):
    if got != want:
        raise Failure(f"{what} is {got!r}, not {want!r}")


def has(text, part):
    if part not in text:
        raise Failure(f"no {part!r} in {text!r}")


def create_says_what_was_meant_and_paths_are_absolute():
    with World() as w:
        w.ctl("create", "web", "--kernel", "boot/k", "--initrd", "./i", "-m", "64M",
              "--label", "b=2", "--label", "a=1", "--project", "lab")
        call = w.called("vm.create")[0]
        equal(call["project"], "lab")
        equal(call["vm"]["boot"]["kernel"], f"{w.dir}/boot/k")
        equal(call["vm"]["boot"]["initrd"], f"{w.dir}/i")
        equal(call["vm"]["memory"], 64 << 20)
        equal(call["vm"]["labels"], {"a": "1", "b": "2"})
        equal(call["vm"]["name"], "web")


def errors_say_what_where_and_what_to_do_with_the_exit_status_of_their_class():
    with World() as w:
        w.create("web")
        done = w.ctl("create", "web", "-k", "/k", want=4)
        equal(done.err, "vxctl: create web: there is a VM web already\n")
        done = w.ctl("create", "x", "-k", "/k", "-c", "999", want=2)
        has(done.err, "\n  field: vm.cpus\n")
        done = w.ctl("show", "nope", want=3)
        equal(done.err, "vxctl: there is no VM nope\n  hint: vxctl list shows them\n")
        equal(done.out, "")


def wrong_usage_is_2_and_asks_nobody():
    with World() as w:
        for args in (["nonsense"], ["show"], ["show", "a", "b"], ["list", "x"],
                     ["create", "web"], ["create", "-k", "/k", "--cpus", "x"],
                     ["create", "-k", "/k", "--memory"], ["list", "-o", "xml"],
                     ["stop", "--deadline", "soon", "web"], ["--bad", "list"], [],
                     ["admin", "format"], ["events", "--after", "x"]):
            done = w.ctl(*args, want=2)
            has(done.err, "vxctl: ")
            has(done.err, "  hint: ")
            equal(done.out, "")
        equal(w.vxd.calls, [])


def help_and_version_need_no_daemon():
    with World() as w:
        env = {**w.env, "VX_SOCKET": "/nonexistent/socket"}
        for args in (["--help"], ["-h"], ["create", "--help"], ["run", "-h"]):
            out = subprocess.run([VXCTL, *args], env=env, check=True,
                                 capture_output=True, text=True).stdout
            has(out, "Usage: vxctl ")
        out = subprocess.run([VXCTL, "--version"], env=env, check=True,
                             capture_output=True, text=True).stdout
        has(out, "vxctl ")


def without_a_daemon_it_is_unavailable():
    with World() as w:
        done = w.ctl("version", "--socket", str(w.dir / "none"), want=8)
        has(done.err, str(w.dir / "none"))
        equal(done.out, "")


def version_tells_of_both():
    with World() as w:
        has(w.ctl("version").out, "vxd: 9.9.9 (session, pid 4711)\n")
        equal(json.loads(w.ctl("version", "-o", "json").out)["db_epoch"], 3)


def a_list_of_many_pages_is_one():
    with World() as w:
        names = [f"vm-{i:02}" for i in range(10)]
        for name in names:
            w.create(name)
        lines = w.ctl("list").out.splitlines()
        equal([line.split()[0] for line in lines], ["NAME", *names])
        reply = json.loads(w.ctl("list", "-o", "json").out)
        equal([vm["name"] for vm in reply["vms"]], names)
        equal(reply["more"], False)


def start_waits_until_it_runs():
    with World() as w:
        w.create("web")
        equal(w.ctl("start", "web").out, "web: running\n")
        equal(json.loads(w.ctl("show", "web", "-o", "json").out)["vm"]["state"],
              "running")


def a_guest_that_ends_at_once_has_started_nevertheless():
    with World() as w:
        w.create("brief", "end=guest-poweroff")
        equal(w.ctl("start", "brief").out, "brief: running\n")


def all_names_are_acted_on_and_the_worst_status_counts():
    with World() as w:
        for name, words in (("a", ""), ("bad", "fail=because"), ("c", "")):
            w.create(name, words)
        done = w.ctl("start", "a", "nope", "bad", "c", want=9)
        equal(sorted(done.out.splitlines()), ["a: running", "c: running"])
        has(done.err, "vxctl: start nope: there is no VM nope\n")
        has(done.err, "vxctl: bad: start-failed: because\n")
        has(done.err, "  last words of the worker:\n    vx-vmm: first?[31m\n"
                      "    vx-vmm: second\n")


def create_with_start_waits_too():
    with World() as w:
        has(w.create("web", "", "--start").out, "web: running\n")
        done = w.ctl("create", "bad", "-k", "/k", "-a", "fail=x", "--start", want=9)
        has(done.err, "bad: start-failed: x")
        out = w.ctl("create", "c", "-k", "/k", "--start", "-o", "json").out
        equal(json.loads(out)["vm"]["state"], "running")


def stop_waits_for_the_end_and_says_when_it_does_not_come():
    with World() as w:
        w.create("good", "", "--start")
        w.create("deaf", "deaf", "--start")
        equal(w.ctl("stop", "good").out, "good: stopped (stop)\n")
        done = w.ctl("stop", "deaf", "--deadline", "3", want=7)
        has(done.err, "deaf: the guest did not power off within 3 s")
        has(done.err, "hint: vxctl kill deaf")
        equal(w.ctl("stop", "--then-kill", "deaf").out, "deaf: stopped (kill)\n")
        equal([c["deadline_s"] for c in w.called("vm.stop")], [60, 3, 60])
        w.ctl("stop", "good", want=4)


def stop_without_waiting_only_asks():
    with World() as w:
        w.create("deaf", "deaf", "--start")
        equal(w.ctl("stop", "--no-wait", "deaf").out, "deaf: stopping\n")


def kill_and_delete_report_each_name():
    with World() as w:
        w.create("a", "", "--start")
        equal(w.ctl("kill", "a").out, "a: stopped (kill)\n")
        done = w.ctl("delete", "a", "b", want=3)
        equal(done.out, "a: deleted\n")
        w.ctl("kill", "a", want=3)


def pause_and_resume_say_what_the_vm_is_now():
    with World() as w:
        w.create("a", "", "--start")
        w.create("b", "")
        done = w.ctl("pause", "a", "b", want=4)
        equal(done.out, "a: paused\n")
        has(done.err, "pause b: b is stopped")
        equal(w.ctl("resume", "a").out, "a: running\n")
        equal(json.loads(w.ctl("pause", "a", "-o", "json").out)["vm"]["state"], "paused")


def wait_ends_with_the_vm_or_in_the_state_that_is_named():
    with World() as w:
        w.create("done", "end=guest-poweroff", "--start")
        w.create("idle", "")
        w.create("runs", "", "--start")
        # What is so already, and what becomes so.
        equal(sorted(w.ctl("wait", "done", "idle").out.splitlines()),
              ["done: stopped (guest-poweroff)", "idle: stopped"])
        equal(w.ctl("wait", "--for", "running", "runs").out, "runs: running\n")
        with w.popen("wait", "runs", stdout=subprocess.PIPE, text=True) as child:
            time.sleep(0.3)
            w.ctl("kill", "runs")
            equal(child.communicate(timeout=20)[0], "runs: stopped (kill)\n")
        done = w.ctl("wait", "--for", "paused", "--timeout", "1", "idle", "nope", want=7)
        has(done.err, "idle: it did not come to that within 1 s")
        has(done.err, "wait for nope: there is no VM nope")
        w.ctl("wait", "--for", "happy", "idle", want=2)


def a_daemon_that_goes_away_is_reported_for_each_vm():
    with World() as w:
        w.create("a")
        w.vxd.hang_up_on = "vm.start"
        done = w.ctl("start", "a", want=8)
        has(done.err, "vxctl: start a: ")


def json_of_an_action_is_a_line_for_each_vm():
    with World() as w:
        w.create("a")
        w.create("b")
        lines = w.ctl("start", "a", "b", "-o", "json").out.splitlines()
        equal([json.loads(line)["vm"]["state"] for line in lines], ["running"] * 2)


def a_piped_console_gets_all_of_its_input_and_shows_all_output_to_the_end():
    with World() as w:
        w.create("web", "print=hello echo busy=3", "--start")
        text = b"x" * 20000 + b"quit\n"
        done = w.ctl("console", "web", stdin=text)
        has(done.out, "hello\n<")
        shown = done.stdout.replace(b"<", b"").replace(b">", b"")
        equal(shown, b"hello\n" + text, "what came back")
        has(done.err, "vxctl: web has ended: guest-poweroff\n")


def the_console_goes_on_after_the_end_of_input():
    with World() as w:
        w.create("web", "print=hello", "--start")
        with w.popen("console", "web", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE) as child:
            equal(child.stdout.readline(), b"hello\n")
            time.sleep(0.2)
            equal(child.poll(), None, "its status")
            vm = next(iter(w.vxd.vms.values()))
            with w.vxd.lock:
                w.vxd.console_output(vm, b"late\n")
                w.vxd.end_vm(vm, "kill")
            equal(child.stdout.read(), b"late\n")
            equal(child.wait(SECONDS), 0)


def history_can_be_left_out():
    with World() as w:
        w.create("web", "print=before echo", "--start")
        has(w.ctl("console", "web", stdin=b"quit\n").out, "before")
        w.create("new", "print=before echo", "--start")
        done = w.ctl("console", "--no-history", "new", stdin=b"quit\n")
        equal(done.out, "<quit\n>")


def the_console_of_a_vm_that_never_ran_says_so():
    with World() as w:
        w.create("web")
        has(w.ctl("console", "web").err, "web has not run yet")


def run_ends_with_the_guests_status():
    with World() as w:
        done = w.ctl("run", "-k", "/k", "-a", "print=hi end=debug-exit:42", want=42)
        equal((done.out, done.err), ("hi\n", ""))
        w.ctl("run", "-k", "/k", "-a", "end=guest-poweroff")
        done = w.ctl("run", "-k", "/k", "-a", "end=crash", want=9)
        has(done.err, "crash")
        call = w.called("vm.create")[0]
        equal((call["start"], call["vm"]["ephemeral"]), (True, True))
        equal(w.vxd.vms, {})


def run_tells_of_a_vm_that_was_gone_before_its_console():
    with World() as w:
        w.vxd.attach_gone = True
        done = w.ctl("run", "-k", "/k", "-a", "fail=no-such-thing", want=9)
        has(done.err, "start-failed: no-such-thing")


def a_signal_to_run_ends_the_vm():
    with World() as w:
        for sig in (signal.SIGINT, signal.SIGTERM):
            child = w.popen("run", "-k", "/k", "-a", "print=up", stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
            equal(child.stdout.readline(), b"up\n")
            child.send_signal(sig)
            equal(child.wait(SECONDS), 128 + sig)
            child.stdin.close()
            child.stdout.close()
        equal(w.vxd.vms, {})
        equal(len(w.called("vm.kill")), 2)


class Pty:
    """vxctl with a terminal as its standard input, output and error."""

    def __init__(self, world, *args):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.child = world.popen(*args, stdin=self.slave, stdout=self.slave,
                                 stderr=self.slave)
        self.text = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        os.close(self.master)
        os.close(self.slave)

    def expect(self, part):
        end = time.monotonic() + SECONDS
        while part not in self.text:
            if not select.select([self.master], [], [], end - time.monotonic())[0]:
                raise Failure(f"no {part!r} in {self.text!r}")
            self.text += os.read(self.master, 4096)

    def type(self, data):
        os.write(self.master, data)

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ISIG | termios.ECHO)

    def ends_restored(self, status):
        equal(self.child.wait(SECONDS), status, "the status")
        equal(termios.tcgetattr(self.slave), self.before, "the terminal's mode")


def the_detach_key_leaves_the_console_and_the_vm_alone():
    with World() as w:
        w.create("web", "print=up echo", "--start")
        with Pty(w, "console", "web") as tty:
            tty.expect(b"Ctrl-] leaves it")
            tty.expect(b"up\n")
            equal(tty.is_raw(), True, "raw mode")
            tty.type(b"ab\x03")
            tty.expect(b"\x03")
            tty.type(b"\x1d")
            tty.ends_restored(0)
        equal(next(iter(w.vxd.vms.values())).state, "running")
        equal(w.called("vm.kill"), [])


def the_detach_key_works_when_the_guest_does_not_read():
    with World() as w:
        w.create("web", "print=up busy=1000000", "--start")
        with Pty(w, "console", "web") as tty:
            tty.expect(b"up\n")
            for _ in range(6):
                tty.type(b"z" * 1000)
                time.sleep(0.05)
            tty.type(b"\x1d")
            tty.ends_restored(0)


def every_signal_gives_the_terminal_back():
    with World() as w:
        w.create("web", "print=up", "--start")
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with Pty(w, "console", "web") as tty:
                tty.expect(b"up\n")
                wait_until("raw mode", tty.is_raw, SECONDS)
                tty.child.send_signal(sig)
                tty.ends_restored(-sig)


def the_end_of_the_vm_and_of_vxd_give_the_terminal_back():
    with World() as w:
        w.create("web", "print=up echo", "--start")
        with Pty(w, "console", "web") as tty:
            tty.expect(b"up\n")
            tty.type(b"quit\n")
            tty.expect(b"web has ended: guest-poweroff")
            tty.ends_restored(0)
        w.create("two", "print=up", "--start")
        with Pty(w, "console", "two") as tty:
            tty.expect(b"up\n")
            w.vxd.hang_up_on = "console.write"
            tty.type(b"x")
            tty.ends_restored(8)


def run_on_a_terminal_passes_ctrl_c_to_the_guest():
    with World() as w:
        with Pty(w, "run", "-k", "/k", "-a", "print=up echo") as tty:
            tty.expect(b"up\n")
            tty.type(b"\x03")
            tty.expect(b"<\x03>")
            tty.type(b"quit\n")
            tty.ends_restored(0)


def events_follow_and_resume():
    with World() as w:
        w.create("web")
        w.create("two")
        with w.popen("events", "--after", "1", "-o", "json",
                     stdout=subprocess.PIPE) as child:
            first = json.loads(child.stdout.readline())
            equal((first["seq"], first["name"]), (2, "two"))
            w.ctl("start", "web")
            states = [json.loads(child.stdout.readline())["state"] for _ in range(2)]
            equal(states, ["starting", "running"])
            child.terminate()
        equal(w.called("events.subscribe")[0], {"after_seq": 1})


def a_slow_reader_of_events_is_told_where_to_go_on():
    with World() as w:
        with w.popen("events", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            wait_until("subscribed", lambda: w.vxd.subscribers, SECONDS)
            w.vxd.note(w.vxd.subscribers[0], "events.lost", {"seq": 7})
            equal(child.wait(SECONDS), 13)
            has(child.stderr.read().decode(), "vxctl events --after 7")


def output_that_cannot_be_written_is_74_and_never_silence():
    with World() as w:
        w.create("web", "print=up", "--start")
        for args in (["list"], ["list", "-o", "json"], ["show", "web"], ["version"],
                     ["--help"], ["console", "web"]):
            with open("/dev/full", "wb") as full:
                child = w.popen(*args, stdin=subprocess.DEVNULL, stdout=full,
                                stderr=subprocess.PIPE)
                err = child.communicate(timeout=SECONDS)[1].decode()
                equal(child.returncode, 74, f"the status of {args}")
                has(err, "vxctl: standard output: No space left on device\n")


def a_reader_that_is_gone_is_74_and_run_ends_its_vm():
    with World() as w:
        for args in (["version"], ["run", "-k", "/k", "-a", "print=up"]):
            read, write = os.pipe()
            os.close(read)
            child = w.popen(*args, stdin=subprocess.DEVNULL, stdout=write,
                            stderr=subprocess.PIPE)
            os.close(write)
            err = child.communicate(timeout=SECONDS)[1].decode()
            equal(child.returncode, 74, f"the status of {args}")
            has(err, "vxctl: standard output: Broken pipe\n")
        equal(w.vxd.vms, {})


def admin_recover_becomes_the_vxd_beside_it():
    with World() as w:
        vxctl = w.dir / "bin" / "vxctl"
        vxctl.parent.mkdir()
        shutil.copy(VXCTL, vxctl)
        fake = "#!/bin/sh\necho \"$0 $*\"\nexit 12\n"
        for path in (w.dir / "bin" / "vxd", w.dir / "vxd"):
            path.write_text(fake)
            path.chmod(0o755)
        argv = [vxctl, "admin", "recover", "--state", "/s t", "--runtime", "/r"]
        done = subprocess.run(argv, env=w.env, capture_output=True, text=True,
                              check=False)
        equal((done.returncode, done.stdout),
              (12, f"{w.dir}/bin/vxd --recover --state /s t --runtime /r\n"))
        (w.dir / "bin" / "vxd").unlink()
        env = {**w.env, "VX_LIBEXECDIR": str(w.dir / "bin")}
        done = subprocess.run(argv[:3], env=env, capture_output=True, text=True,
                              check=False)
        equal(done.stdout, f"{w.dir}/bin/../vxd --recover\n")
        env = {**w.env, "PATH": "/nonexistent"}
        done = subprocess.run(argv[:3], env=env, capture_output=True, text=True,
                              check=False)
        equal(done.returncode, 3, "the status")
        has(done.stderr, "run vxd")


TESTS = [
    create_says_what_was_meant_and_paths_are_absolute,
    errors_say_what_where_and_what_to_do_with_the_exit_status_of_their_class,
    wrong_usage_is_2_and_asks_nobody,
    help_and_version_need_no_daemon,
    without_a_daemon_it_is_unavailable,
    version_tells_of_both,
    a_list_of_many_pages_is_one,
    start_waits_until_it_runs,
    a_guest_that_ends_at_once_has_started_nevertheless,
    all_names_are_acted_on_and_the_worst_status_counts,
    create_with_start_waits_too,
    stop_waits_for_the_end_and_says_when_it_does_not_come,
    stop_without_waiting_only_asks,
    kill_and_delete_report_each_name,
    pause_and_resume_say_what_the_vm_is_now,
    wait_ends_with_the_vm_or_in_the_state_that_is_named,
    a_daemon_that_goes_away_is_reported_for_each_vm,
    json_of_an_action_is_a_line_for_each_vm,
    a_piped_console_gets_all_of_its_input_and_shows_all_output_to_the_end,
    the_console_goes_on_after_the_end_of_input,
    history_can_be_left_out,
    the_console_of_a_vm_that_never_ran_says_so,
    run_ends_with_the_guests_status,
    run_tells_of_a_vm_that_was_gone_before_its_console,
    a_signal_to_run_ends_the_vm,
    the_detach_key_leaves_the_console_and_the_vm_alone,
    the_detach_key_works_when_the_guest_does_not_read,
    every_signal_gives_the_terminal_back,
    the_end_of_the_vm_and_of_vxd_give_the_terminal_back,
    run_on_a_terminal_passes_ctrl_c_to_the_guest,
    events_follow_and_resume,
    a_slow_reader_of_events_is_told_where_to_go_on,
    output_that_cannot_be_written_is_74_and_never_silence,
    a_reader_that_is_gone_is_74_and_run_ends_its_vm,
    admin_recover_becomes_the_vxd_beside_it,
]

if __name__ == "__main__":
    wanted = set(sys.argv[1:])
    sys.exit(run_tests([t for t in TESTS if not wanted or t.__name__ in wanted]))
