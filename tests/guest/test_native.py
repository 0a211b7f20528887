#!/usr/bin/env python3
"""Micro guests on this machine's KVM, of whatever kind it is.

What the VMM does is tested with vmm_run, which starts a vx-vmm directly; the tests at
the end go the whole way through vxctl, vxd and keeper. Judged by what the guest
printed and by the reported end. Each guest has its own deadline.
"""
import fcntl
import json
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from session import (BUILD, Console, Failure, Session, no_workers,  # noqa: E402
                     run_tests, wait_until)

IMAGES = BUILD / "tests/guest"
VMM_RUN = IMAGES / "vmm_run"
WORKER = BUILD / "vx-vmm"
KVM_GET_API_VERSION = 0xAE00
KVM_CREATE_VM = 0xAE01
SECONDS = 20  # enough for any small guest where KVM only emulates


class Guest:
    """One VM under vmm_run: its console, and how it ended."""

    def __init__(self, image, words="", *options, path=None):
        argv = [VMM_RUN, "--worker", WORKER, "--kernel", path or IMAGES / image,
                "--cmdline", words, *options]
        self.child = subprocess.Popen(
            [str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
        self.console, self.errors = "", ""
        self.seen = 0
        self.chunks = queue.Queue()
        self.open_streams = 2
        for stream in (self.child.stdout, self.child.stderr):
            threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The worker is in the same process group and must not outlive its test.
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()

    def _read(self, stream):
        while data := stream.read1(65536):
            self.chunks.put((stream, data.decode("utf-8", "replace")))
        self.chunks.put((stream, None))

    def _take(self, end, what):
        try:
            stream, text = self.chunks.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            raise Failure(f"{what}: not in time; {self.tail()}") from None
        if text is None:
            self.open_streams -= 1
        elif stream is self.child.stdout:
            self.console += text.replace("\r", "")
        else:
            self.errors += text

    def tail(self):
        return f"console: {self.console[-1200:]!r} stderr: {self.errors[-600:]!r}"

    def expect(self, text, seconds=SECONDS):
        end = time.monotonic() + seconds
        while text not in self.console[self.seen:]:
            if not self.open_streams:
                raise Failure(f"the guest ended without {text!r}; {self.tail()}")
            self._take(end, repr(text))
        self.seen = self.console.index(text, self.seen) + len(text)

    def expect_error(self, text, seconds=SECONDS):
        end = time.monotonic() + seconds
        while text not in self.errors:
            if not self.open_streams:
                raise Failure(f"vmm_run ended without {text!r}; {self.tail()}")
            self._take(end, repr(text))

    def ended(self, seconds=SECONDS):
        """Wait for the end: reason, status, detail."""
        end = time.monotonic() + seconds
        while self.open_streams:
            self._take(end, "the end")
        self.child.wait()
        found = re.search(r"^ended (\S+) (\d+) ?(.*)$", self.errors, re.M)
        if not found:
            raise Failure(f"no end was reported; {self.tail()}")
        return found[1], int(found[2]), found[3]

    def type(self, text):
        self.child.stdin.write(text.encode())
        self.child.stdin.flush()

    def press_button(self):
        self.child.send_signal(signal.SIGUSR1)


def check(guest, condition, what):
    if not condition:
        raise Failure(f"{what}; {guest.tail()}")


def fields(guest):
    """The console's lines `name=value`."""
    return dict(re.findall(r"^([a-z0-9_]+)=(.*)$", guest.console, re.M))


def run(image, words, *options, want, seconds=SECONDS):
    """A guest that ends by itself, with reason and status `want`."""
    with Guest(image, words, *options) as guest:
        end = guest.ended(seconds)
        check(guest, end[:2] == want, f"it ended by {end}, not {want}")
        return guest


OFF = ("guest-poweroff", 0)


def boots(image, protocol, line, option, words="tag=x-1 end=poweroff"):
    guest = run(image, words, "--protocol", option, want=OFF)
    told = fields(guest)
    check(guest, line in guest.console, f"no {line!r}")
    check(guest, "broken promises" not in guest.console, "the entry state is wrong")
    check(guest, told["cmdline"].endswith(words + ">"), "wrong command line")
    # All of 128 MiB but the area of ROMs below 1 MiB and the EBDA.
    check(guest, 131072 - 400 <= int(told["ram_kib"]) <= 131072, "wrong memory map")
    rsdp = "found" if protocol == "multiboot" else "given"
    check(guest, told["rsdp"] == rsdp, f"RSDP {told['rsdp']}, not {rsdp}")
    check(guest, (told["madt_cpus"], told["modules"]) == ("1", "0"), "CPUs or modules")
    check(guest, told["hypervisor"] == "KVMKVMKVM", "no KVM signature")


def a_bzimage_is_entered_in_64_bit_mode():
    for option in ("auto", "linux"):
        boots("guest-bzimage", "linux", "protocol=linux entry=64", option)


def a_32_bit_elf_is_entered_by_its_pvh_note():
    for option in ("auto", "pvh"):
        boots("guest-pvh32", "pvh", "protocol=pvh entry=32", option)


def a_64_bit_elf_is_entered_by_its_pvh_note():
    for option in ("auto", "pvh"):
        boots("guest-pvh64", "pvh", "protocol=pvh entry=32", option)


def a_multiboot_kernel_is_entered_by_its_header():
    for option in ("auto", "multiboot"):
        boots("guest-multiboot", "multiboot", "protocol=multiboot entry=32", option)


def a_kernel_with_note_and_header_is_entered_as_asked_and_by_the_note_else():
    boots("guest-both", "pvh", "protocol=pvh", "auto")
    boots("guest-both", "pvh", "protocol=pvh", "pvh")
    boots("guest-both", "multiboot", "protocol=multiboot", "multiboot")


def the_smallest_vm_boots():
    guest = run("guest-pvh32", "", "--memory", "2", want=OFF)
    check(guest, int(fields(guest)["ram_kib"]) <= 2048, "wrong memory map")


def memory_beyond_the_hole_below_4_gib_is_told():
    guest = run("guest-pvh64", "", "--memory", "3584", want=OFF)
    ram = int(fields(guest)["ram_kib"])
    check(guest, 3584 * 1024 - 400 <= ram <= 3584 * 1024, f"{ram} KiB are told")


def the_longest_command_line_arrives_whole():
    for image in ("guest-bzimage", "guest-pvh32", "guest-multiboot"):
        words = "end=exit:9"
        words = "x" * (2047 - len(words) - 1) + " " + words
        guest = run(image, words, "--debug-exit", want=("debug-exit", 9))
        check(guest, words[-1900:] in guest.console, "the command line was cut")


def initrd_and_modules_arrive_in_order():
    with tempfile.TemporaryDirectory() as name:
        files = []
        for i, text in enumerate(("initrd-content\n", "first-module-is-long\n", "b\n")):
            files.append(pathlib.Path(name) / str(i))
            files[-1].write_text(text * (1000 if i == 1 else 1))
        both = ["--initrd", files[0], "--module", files[1], "--module", files[2]]
        for image in ("guest-pvh64", "guest-multiboot"):
            guest = run(image, "", *both, want=OFF)
            told = fields(guest)
            got = [told.get(k) for k in ("modules", "module0", "module1", "module2")]
            check(guest, got == ["3", "initrd-content", "first-module-is-", "b"],
                  f"it sees {got}")
            check(guest, told["module1_size"] == "21000", "wrong size")
        guest = run("guest-bzimage", "", "--initrd", files[0], want=OFF)
        told = fields(guest)
        got = (told["module0"], told["module0_size"])
        check(guest, got == ("initrd-content", "15"), "wrong initrd")


def power_off_is_reported():
    run("guest-pvh32", "end=poweroff", want=OFF)


def a_reset_ends_the_vm_where_it_shall():
    run("guest-pvh32", "end=reset", "--on-reboot", "stop", want=("guest-reset", 0))


def a_triple_fault_is_told_apart_from_a_reset():
    run("guest-pvh32", "end=triple", "--on-reboot", "stop", want=("triple-fault", 0))


def the_debug_exit_byte_is_reported():
    for byte in (0, 1, 255):
        run("guest-pvh32", f"end=exit:{byte}", "--debug-exit",
            want=("debug-exit", byte))


def the_debug_exit_port_is_absent_unless_asked_for():
    run("guest-pvh32", "end=exit:5", want=OFF)


def a_panic_is_reported():
    run("guest-pvh32", "end=panic", want=("panic", 0))


def a_guest_reboots_in_place_and_keeps_its_ram():
    for image in ("guest-bzimage", "guest-pvh64", "guest-multiboot"):
        for how in ("reset-once", "triple-once"):
            guest = run(image, f"end={how}", "--on-reboot", "restart", want=OFF)
            check(guest, re.search(r"boot 1\n.*boot 2\n", guest.console, re.S) and
                  guest.console.count("boot 1") == 1, "it did not boot twice")
            check(guest, "bss is not zero" not in guest.console,
                  "the second boot did not load the kernel anew")
            check(guest, guest.console.count("rsdp=missing") == 0, "ACPI is gone")


def a_guest_that_resets_as_soon_as_it_runs_is_slowed_down():
    with Guest("guest-pvh32", "end=reset", "--on-reboot", "restart") as guest:
        guest.expect("\nend=reset")
        begin = time.monotonic()
        for _ in range(8):
            guest.expect("\nend=reset")
        check(guest, time.monotonic() - begin > 1.5, "eight times in no time")


def a_halted_guest_goes_on_living():
    with Guest("guest-pvh32", "end=hlt") as guest:
        guest.expect("end=hlt")
        time.sleep(1.5)
        check(guest, guest.child.poll() is None, "it ended")


def sixty_four_cpus_come_up():
    guest = run("guest-bzimage", "cpus=64", "--cpus", "64", want=OFF, seconds=150)
    check(guest, "cpus=64 up" in guest.console, "not all came")


def the_pm_timer_advances():
    guest = run("guest-pvh32", "test=timer", want=OFF)
    check(guest, "timer ok" in guest.console, "it does not")


def serial_interrupts_arrive_through_the_ioapic():
    guest = run("guest-pvh32", "test=irq", want=OFF)
    check(guest, "this line went out by interrupts\n" in guest.console and
          "irq ok" in guest.console, "not all did")


def what_is_typed_comes_back_also_more_than_the_fifo_holds():
    with Guest("guest-pvh32", "end=echo") as guest:
        guest.expect("type\n")
        guest.type("hello\n")
        guest.expect("echo: hello\n")
        line = "".join(chr(ord("a") + i % 26) for i in range(200))
        guest.type(line + "\n")
        guest.expect(f"echo: {line}\n")
        guest.type("quit\n")
        guest.expect("bye\n")
        check(guest, guest.ended()[:2] == OFF, "wrong end")


def a_pause_is_not_seen_by_who_types_afterwards():
    with Guest("guest-pvh32", "end=echo", "--pause-ms", "300") as guest:
        guest.expect("type\n")
        guest.expect_error("resumed")
        guest.type("after\nquit\n")
        guest.expect("echo: after\n")
        check(guest, guest.ended()[:2] == OFF, "wrong end")


def the_power_button_interrupts_each_time_it_is_pressed():
    with Guest("guest-pvh32", "end=button:2") as guest:
        for press in ("press\n", "button 1\n"):
            guest.expect(press)
            guest.press_button()
        guest.expect("button 2\n")
        check(guest, guest.ended()[:2] == OFF, "wrong end")


def refused(pattern, path, *options, seconds=SECONDS):
    """The start fails, at once and with a sentence."""
    with Guest(None, "", *options, path=path) as guest:
        reason, _, detail = guest.ended(seconds)
        check(guest, reason == "start-failed", f"it ended by {reason}")
        check(guest, re.search(pattern, detail, re.I), f"it says only {detail!r}")
        check(guest, not guest.console, "a guest ran")


def a_truncated_kernel_is_refused_with_a_sentence():
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "kernel"
        for image in ("guest-pvh64", "guest-pvh32", "guest-multiboot"):
            whole = (IMAGES / image).read_bytes()
            for size in (40, 100, 0x1800):
                path.write_bytes(whole[:size])
                refused(r"elf|kernel|file", path)
        whole = (IMAGES / "guest-bzimage").read_bytes()
        for size in (0x210, 0x900, 0x1800):
            path.write_bytes(whole[:size])
            refused(r"bzimage|kernel|setup", path)


def a_file_that_is_no_kernel_is_refused_with_a_sentence():
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / "kernel"
        for content in (b"", b"no kernel\n" * 1000, bytes(70000)):
            path.write_bytes(content)
            refused(r"kernel|file", path)


def a_protocol_that_the_kernel_lacks_is_refused():
    refused(r"linux|bzimage", IMAGES / "guest-multiboot", "--protocol", "linux")
    refused(r"pvh|note", IMAGES / "guest-multiboot", "--protocol", "pvh")
    refused(r"multiboot", IMAGES / "guest-pvh32", "--protocol", "multiboot")


def an_initrd_larger_than_memory_is_refused():
    with tempfile.TemporaryDirectory() as name:
        initrd = pathlib.Path(name) / "initrd"
        with open(initrd, "wb") as f:
            f.truncate(64 << 20)
        for image in ("guest-bzimage", "guest-pvh64", "guest-multiboot"):
            refused(r"initrd|module|memory", IMAGES / image, "--initrd", initrd,
                    "--memory", "16")


def a_sentence_too_long_for_a_report_is_cut_not_lost():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).joinpath(*["x" * 200] * 8)
        folder.mkdir(parents=True)
        with open(folder / "module", "wb") as f:
            f.truncate(64 << 20)
        refused(r"module /.*xxxxx.* does not fit", IMAGES / "guest-pvh64", "--module",
                folder / "module", "--memory", "16")


def create(vx, name, words, *options):
    vx.ctl("create", name, "--kernel", IMAGES / "guest-pvh64", "--memory", "16M",
           "--cmdline", words, *options)


def ended(vx, name, reason):
    wait_until(f"{name} has ended",
               lambda: vx.vm(name)["state"] in ("stopped", "failed"), SECONDS)
    end = vx.vm(name)["end"]
    if end["reason"] != reason:
        raise Failure(f"{name} ended by {end}, not {reason}")
    return end


def each_end_is_told_by_vxctl():
    with Session() as vx:
        for name, words, reason in (("off", "end=poweroff", "guest-poweroff"),
                                    ("reset", "end=reset", "guest-reset"),
                                    ("exit", "end=exit:3", "debug-exit")):
            create(vx, name, words, "--debug-exit", "--on-reboot", "stop")
            vx.ctl("start", name)
            end = ended(vx, name, reason)
            if reason == "debug-exit" and end["status"] != 3:
                raise Failure(f"wrong status: {end}")
        create(vx, "triple", "end=triple", "--on-reboot", "stop")
        vx.ctl("start", "triple")
        ended(vx, "triple", "triple-fault")


def stop_presses_the_button_and_kill_does_not_ask():
    with Session() as vx:
        create(vx, "polite", "end=button")
        vx.ctl("start", "polite")
        with Console(vx, "polite") as console:
            console.expect("press", SECONDS)
            vx.ctl("stop", "polite", "--deadline", "20")
            console.expect("button 1", SECONDS)
        ended(vx, "polite", "stop")
        create(vx, "deaf", "end=spin")
        vx.ctl("start", "deaf")
        vx.ctl("kill", "deaf")
        ended(vx, "deaf", "kill")
        vx.ctl("start", "deaf")
        vx.ctl("stop", "deaf", "--deadline", "1", "--then-kill")
        ended(vx, "deaf", "kill")
        create(vx, "restless", "end=reset", "--on-reboot", "restart")
        vx.ctl("start", "restless")
        with Console(vx, "restless") as console:
            console.expect("\nend=reset", SECONDS)
            console.expect("\nend=reset", SECONDS)
        vx.ctl("kill", "restless")
        ended(vx, "restless", "kill")


def the_console_keeps_its_past_and_takes_lines():
    with Session() as vx:
        create(vx, "talk", "end=echo")
        vx.ctl("start", "talk")
        for word in ("one", "two"):
            with Console(vx, "talk") as console:
                console.expect("vx-guest protocol=pvh", SECONDS)
                console.expect("type", SECONDS)
                console.type(word)
                console.expect(f"echo: {word}", SECONDS)
        with Console(vx, "talk") as console:
            console.expect("echo: one", SECONDS)
            console.expect("echo: two", SECONDS)
            console.type("quit")
            console.expect("bye", SECONDS)
        ended(vx, "talk", "guest-poweroff")


def a_paused_guest_neither_runs_nor_loses_what_is_typed():
    with Session() as vx:
        vx.ctl("create", "nap", "--kernel", IMAGES / "guest-pvh32", "--cmdline", "end=echo")
        vx.ctl("start", "nap")
        with Console(vx, "nap") as console:
            console.expect("echo", SECONDS)
            for _ in range(2):
                if (out := vx.ctl("pause", "nap").stdout) != "nap: paused\n":
                    raise Failure(f"pause says {out!r}")
                console.type("hello")
                for verb in ("pause", "stop"):
                    done = vx.ctl(verb, "nap", check=False)
                    if done.returncode != 4 or "paused" not in done.stderr:
                        raise Failure(f"{verb} again: {done.returncode}: {done.stderr}")
                seen = len(console.text)
                time.sleep(0.3)
                if "hello" in console.text[console.seen:] or len(console.text) != seen:
                    raise Failure("a paused guest answers")
                if (out := vx.ctl("resume", "nap").stdout) != "nap: running\n":
                    raise Failure(f"resume says {out!r}")
                console.expect("hello", SECONDS)
        events = [e["state"] for e in vx.events() if e["type"] == "state"]
        want = ["starting", "running", *["paused", "running"] * 2]
        if events != want:
            raise Failure(f"events tell of {events}")
        vx.ctl("pause", "nap")
        vx.ctl("kill", "nap")
        ended(vx, "nap", "kill")


def run_ends_with_the_guests_byte_and_leaves_nothing():
    with Session() as vx:
        for byte in (0, 42):
            done = vx.ctl("run", "--kernel", IMAGES / "guest-bzimage", "--debug-exit",
                          "--cmdline", f"end=exit:{byte}", check=False)
            if done.returncode != byte or "vx-guest protocol=linux" not in done.stdout:
                raise Failure(f"exit {done.returncode}: {done.stdout} {done.stderr}")
        if vx.vms():
            raise Failure(f"left behind: {vx.vms()}")


def worker_call(sock, method, **params):
    sock.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                          "params": params}).encode())
    return json.loads(sock.recv(65536) or b"null")


def a_stranger_at_the_control_socket_is_heard_in_nothing():
    # A worker may have 1024 descriptors: none of a stranger's may stay with it.
    with Session() as vx, open(os.devnull, "rb") as null:
        create(vx, "calm", "end=echo")
        vx.ctl("start", "calm")
        vx.wait_state("calm", "running")
        [path] = (vx.dir / "run/vms").glob("*/*/control.sock")

        def stranger():
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.connect(str(path))
            sock.settimeout(SECONDS)
            return sock

        wrong_db = {"protocol_min": 1, "protocol_max": 1, "db_epoch": 1,
                    "db_id": "0190a6a0-0000-7000-8000-000000000000"}
        for method, params in (("worker.quit", {}), ("worker.pause", {}),
                               ("worker.console_write", {"data": ""}),
                               ("worker.hello", wrong_db),
                               ("worker.hello", {**wrong_db, "protocol_min": 9,
                                                 "protocol_max": 9}),
                               ("no.such", {}), ("worker.hello", {})):
            with stranger() as sock:
                answer = worker_call(sock, method, **params)
                if "error" not in answer:
                    raise Failure(f"{method} was answered: {answer}")
        for junk in (b"junk", b"[" * 60000, b"{}", b'"x"', b"x" * 65000,
                     b"x" * 100000, bytes(100)):
            with stranger() as sock:
                sock.send(junk)
                if sock.recv(100) != b"":
                    raise Failure(f"{junk[:20]} was answered")
        for _ in range(100):
            with stranger() as sock:
                message = b'{"jsonrpc": "2.0", "method": "worker.quit"}'
                try:
                    for _ in range(20):
                        socket.send_fds(sock, [message], [null.fileno()] * 30)
                except OSError:
                    pass # hung up on
        with Console(vx, "calm") as console:
            console.expect("type", SECONDS)
            console.type("still here")
            console.expect("echo: still here", SECONDS)
        vx.ctl("kill", "calm")
        ended(vx, "calm", "kill")


def a_kernel_that_is_none_fails_the_start_with_the_reason():
    with Session() as vx:
        bad = vx.dir / "bad"
        bad.write_bytes(b"no kernel at all\n" * 100)
        vx.ctl("create", "bad", "--kernel", bad)
        done = vx.ctl("start", "bad", check=False)
        if done.returncode not in (9, 11) or "kernel" not in done.stderr:
            raise Failure(f"exit {done.returncode}: {done.stderr}")
        ended(vx, "bad", "start-failed")


TESTS = [
    a_bzimage_is_entered_in_64_bit_mode,
    a_32_bit_elf_is_entered_by_its_pvh_note,
    a_64_bit_elf_is_entered_by_its_pvh_note,
    a_multiboot_kernel_is_entered_by_its_header,
    a_kernel_with_note_and_header_is_entered_as_asked_and_by_the_note_else,
    the_smallest_vm_boots,
    memory_beyond_the_hole_below_4_gib_is_told,
    the_longest_command_line_arrives_whole,
    initrd_and_modules_arrive_in_order,
    power_off_is_reported,
    a_reset_ends_the_vm_where_it_shall,
    a_triple_fault_is_told_apart_from_a_reset,
    the_debug_exit_byte_is_reported,
    the_debug_exit_port_is_absent_unless_asked_for,
    a_panic_is_reported,
    a_guest_reboots_in_place_and_keeps_its_ram,
    a_guest_that_resets_as_soon_as_it_runs_is_slowed_down,
    a_halted_guest_goes_on_living,
    sixty_four_cpus_come_up,
    the_pm_timer_advances,
    serial_interrupts_arrive_through_the_ioapic,
    what_is_typed_comes_back_also_more_than_the_fifo_holds,
    a_pause_is_not_seen_by_who_types_afterwards,
    the_power_button_interrupts_each_time_it_is_pressed,
    a_truncated_kernel_is_refused_with_a_sentence,
    a_file_that_is_no_kernel_is_refused_with_a_sentence,
    a_protocol_that_the_kernel_lacks_is_refused,
    an_initrd_larger_than_memory_is_refused,
    a_sentence_too_long_for_a_report_is_cut_not_lost,
    each_end_is_told_by_vxctl,
    stop_presses_the_button_and_kill_does_not_ask,
    the_console_keeps_its_past_and_takes_lines,
    a_paused_guest_neither_runs_nor_loses_what_is_typed,
    run_ends_with_the_guests_byte_and_leaves_nothing,
    a_stranger_at_the_control_socket_is_heard_in_nothing,
    a_kernel_that_is_none_fails_the_start_with_the_reason,
]


def kvm_is_unusable():
    """Why /dev/kvm cannot be used, or None."""
    if no_workers():
        return no_workers()
    try:
        fd = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        try:
            if fcntl.ioctl(fd, KVM_GET_API_VERSION, 0) != 12:
                return "/dev/kvm speaks another API version"
            os.close(fcntl.ioctl(fd, KVM_CREATE_VM, 0))
        finally:
            os.close(fd)
    except OSError as e:
        return f"/dev/kvm: {e.strerror}"
    return None


def main():
    why = kvm_is_unusable()
    if why:
        for test in TESTS:
            print(f"skip {test.__name__}: {why}")
        return 77
    wanted = set(sys.argv[1:])
    return run_tests([t for t in TESTS if not wanted or t.__name__ in wanted])


if __name__ == "__main__":
    sys.exit(main())
