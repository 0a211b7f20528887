#!/usr/bin/env python3
"""What lies in vxd's way: sockets, other daemons, damaged databases, full disks."""
import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake import (BUILD, Failure, Reader, RpcError, Vxd, expect,  # noqa: E402
                  expect_in, needs_kvm, refused, run_together, wait_until)


def another(vx, *options):
    """A second vxd beside that of the session: its exit status and what it said."""
    done = subprocess.run(
        [BUILD / "vxd", "--session", "--libexec", vx.libexec, *options],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20,
        check=False)
    return done.returncode, done.stderr


def start_refused(vx, status, *parts):
    vx.log.write_text("")
    expect("exit status of vxd", vx.start(expect_failure=True), status)
    expect_in("what vxd said", vx.log_text(), *parts)


def contents(path):
    """All files below, but for the lock that every vxd touches."""
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*"))
            if p.is_file() and p.name != "lock"}


def recover(vx):
    return subprocess.run(
        [BUILD / "vxctl", "admin", "recover", *vx.options()], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False)


def a_socket_left_behind_is_replaced():
    with Vxd() as vx:
        vx.stop(signal.SIGKILL)
        expect("the socket was left", vx.socket.is_socket(), True)
        vx.start()
        vx.stop()
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(str(vx.socket))
        vx.start()


def a_file_in_the_place_of_the_socket_is_refused_and_kept():
    with Vxd() as vx:
        vx.stop()
        vx.socket.write_text("precious")
        start_refused(vx, 4, "vxd.sock is in the way", "move it away")
        expect("the file", vx.socket.read_text(), "precious")
        vx.socket.unlink()
        vx.socket.symlink_to(vx.dir / "elsewhere")
        start_refused(vx, 4, "vxd.sock is in the way")
        vx.socket.unlink()
        vx.start()


def one_database_serves_one_daemon():
    with Vxd() as vx:
        state, run = str(vx.dir / "state"), str(vx.dir / "run")
        status, said = another(vx, "--state", state, "--runtime", str(vx.dir / "run2"))
        expect("exit status", status, 4)
        expect_in("what it said", said, f"{state} is in use by process {vx.daemon.pid}",
                  "only one vxd")
        status, said = another(vx, "--state", str(vx.dir / "state2"), "--runtime", run)
        expect("exit status", status, 4)
        expect_in("what it said", said, "another vxd listens on", "runtime directory")
        expect("the first", vx.call("system.version")["pid"], vx.daemon.pid)
        done = recover(vx)
        expect("exit status of recover", done.returncode, 4)
        expect_in("what it said", done.stderr, "is in use by process")


def directories_that_others_could_write_are_refused():
    with Vxd() as vx:
        vx.stop()
        for name in ("state", "run"):
            os.chmod(vx.dir / name, 0o777)
            start_refused(vx, 5, str(vx.dir / name), "can be written by others")
            os.chmod(vx.dir / name, 0o700)
        vx.start()


def programs_that_are_missing_are_named():
    with Vxd() as vx:
        vx.stop()
        os.rename(vx.libexec / "vx-vmm", vx.libexec / "moved")
        start_refused(vx, 3, str(vx.libexec), "--libexec")
        os.rename(vx.libexec / "moved", vx.libexec / "vx-vmm")
        vx.start()


def a_runtime_path_too_long_for_a_socket_is_refused():
    with Vxd() as vx:
        status, said = another(vx, "--state", str(vx.dir / "state2"), "--runtime",
                               str(vx.dir / ("x" * 120)))
        expect("exit status", status, 2)
        expect_in("what it said", said, "longer than 107 bytes")


def spoil(path, at, data):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(data)


def damaged_and_recovered(damage):
    with Vxd() as vx:
        vx.run("alive", "print=before| echo")
        vx.create("resting", labels={"a": "b"})
        worker, keeper = vx.workers(), vx.keepers()
        db_id = vx.call("system.version")["db_id"]
        seen = vx.client().call("events.subscribe")["seq"]
        vx.stop()
        state = vx.dir / "state"
        damage(state)
        before = contents(state)
        start_refused(vx, 12, "vx.db", "vxctl admin recover")
        expect("names after it was refused", sorted(contents(state)), sorted(before))
        expect("all bytes the same", contents(state) == before, True)
        expect("workers meanwhile", vx.workers(), worker)
        done = recover(vx)
        if done.returncode:
            raise Failure(f"recover: exit {done.returncode}: {done.stdout}{done.stderr}")
        kept = contents(state)
        for name, data in before.items():
            if name.startswith("vx.db") and data not in kept.values():
                raise Failure(f"{name} was not kept")
        vx.start()
        vx.wait_state("alive", "running")
        version = vx.call("system.version")
        expect("database", version["db_id"], db_id)
        expect("its epoch", version["db_epoch"], 2)
        expect("workers", vx.workers(), worker)
        expect("keepers", vx.keepers(), keeper)
        expect("states", {v["name"]: v["state"] for v in vx.vms()},
               {"alive": "running", "resting": "stopped"})
        expect("labels", vx.vm("resting")["definition"]["labels"], {"a": "b"})
        reader = Reader(vx.client(), "alive")
        reader.until(b"before\n")
        reader.type(b"after\n")
        reader.until(b"after\n")
        refused("events of the old epoch", "lost", ["epoch is 2"], vx.call,
                "events.subscribe", after_seq=seen, db_epoch=1)
        vx.ctl("stop", "alive")
        vx.wait_end("alive", "stop")
        vx.wait_no_process()
        vx.call("vm.start", vm="alive")
        vx.wait_state("alive", "running")
        expect("its instance", vx.vm("alive")["instance"], 2)


@needs_kvm
def a_database_with_a_spoilt_header_is_refused_and_rebuilt():
    damaged_and_recovered(lambda state: spoil(state / "vx.db", 0, b"\0" * 64))


@needs_kvm
def a_database_with_spoilt_pages_is_refused_and_rebuilt():
    def damage(state):
        size = (state / "vx.db").stat().st_size
        spoil(state / "vx.db", 4096, os.urandom(size - 4096))
    damaged_and_recovered(damage)


@needs_kvm
def a_database_cut_short_is_refused_and_rebuilt():
    damaged_and_recovered(lambda state: os.truncate(state / "vx.db", 5000))


@needs_kvm
def an_empty_database_is_refused_and_rebuilt():
    damaged_and_recovered(lambda state: os.truncate(state / "vx.db", 0))


@needs_kvm
def a_missing_database_is_refused_and_rebuilt():
    damaged_and_recovered(lambda state: (state / "vx.db").unlink())


def a_newer_database_is_refused_and_left_alone():
    with Vxd() as vx:
        vx.create("vm")
        vx.stop()
        state = vx.dir / "state"
        with contextlib.closing(sqlite3.connect(state / "vx.db")) as db:
            db.execute("PRAGMA user_version = 999")
            db.commit()
        before = contents(state)
        start_refused(vx, 12, "newer")
        expect("all the same", contents(state) == before, True)


def a_sound_database_is_not_recovered():
    with Vxd() as vx:
        vx.create("vm")
        vx.stop()
        done = recover(vx)
        expect("exit status", done.returncode, 4)
        expect_in("what it said", done.stderr, "is sound")
        vx.start()
        expect("VMs", [v["name"] for v in vx.vms()], ["vm"])


class TinyDisk(Vxd):
    """A vxd whose state lies on a file system of `size` in a mount namespace."""

    def __init__(self, size):
        self.size = size
        self.holder = None
        super().__init__()

    def start(self, expect_failure=False):
        if not self.holder:
            (self.dir / "state").mkdir(mode=0o700)
            self.holder = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c",
                 'mount -t tmpfs -o mode=0700,size="$2" none "$1" && echo ready && '
                 "exec sleep 600", "sh", self.dir / "state", self.size],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
            expect("the tiny disk", self.holder.stdout.readline(), b"ready\n")
            self.prefix = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt"]
        return super().start(expect_failure)

    @property
    def disk(self):
        return self.dir.__class__(f"/proc/{self.holder.pid}/root{self.dir}/state")

    def fill(self):
        with open(self.disk / "filler", "wb", buffering=0) as f:
            with contextlib.suppress(OSError):
                while f.write(b"\0" * 4096):
                    pass

    def free(self):
        (self.disk / "filler").unlink()

    def __exit__(self, *args):
        try:
            return super().__exit__(*args)
        finally:
            self.holder.kill()
            self.holder.wait()
            self.holder.stdout.close()


def needs_mounts(test):
    def run():
        if not shutil.which("unshare") or not shutil.which("nsenter"):
            return "unshare and nsenter are not there"
        done = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none",
                               "/proc"], check=False, capture_output=True, text=True)
        if done.returncode:
            return f"nothing can be mounted: {done.stderr.strip()}"
        return test()
    run.__name__ = test.__name__
    return run


def filled_until_refused(vx):
    """Creates VMs until one is refused: the error, and the names that were granted."""
    made = []
    for i in range(2000):
        try:
            vx.create(f"vm{i}")
        except RpcError as e:
            return e, made
        made.append(f"vm{i}")
    raise Failure("a full disk was not noticed")


def all_events(vx):
    with vx.client() as client:
        newest = client.call("events.subscribe", after_seq=0)["seq"]
        return [client.notification("event")["event"] for _ in range(newest)]


def sound(vx, names):
    expect("VMs", sorted(v["name"] for v in vx.vms()), sorted(names))
    seen = all_events(vx)
    expect("event numbers", [e["seq"] for e in seen], list(range(1, len(seen) + 1)))
    created = [e["name"] for e in seen if e["type"] == "created"]
    expect("VMs created, by the events", sorted(created), sorted(names))


@needs_mounts
def on_a_full_disk_a_create_is_refused_whole_and_works_again_with_space():
    with TinyDisk("2m") as vx:
        vx.create("first")
        vx.fill()
        e, made = filled_until_refused(vx)
        expect("the error", e.name, "no-space")
        expect_in("the error", str(e), "is full")
        done = vx.ctl("create", "late", "--kernel", str(vx.kernel), check=False)
        expect("exit status of vxctl", done.returncode, 6)
        expect_in("what vxctl says", done.stderr, "is full", "free some space")
        refused("delete", "no-space", ["is full"], vx.call, "vm.delete", vm="first")
        sound(vx, ["first", *made])
        vx.stop(signal.SIGKILL)
        vx.start()
        sound(vx, ["first", *made])
        refused("create", "no-space", ["is full"], vx.create, "late")
        vx.free()
        vx.create("late")
        sound(vx, ["first", *made, "late"])
        vx.stop(signal.SIGKILL)
        vx.start()
        sound(vx, ["first", *made, "late"])
        wait_until("all definition files are there", lambda: len(os.listdir(
            vx.disk / "definitions")) == len(made) + 2, 10)


@needs_kvm
@needs_mounts
def a_kill_on_a_full_disk_ends_the_vm_and_is_recorded_with_space():
    with TinyDisk("2m") as vx:
        vx.run("vm")
        vx.run("other")
        vx.create("resting")
        vx.fill()
        filled_until_refused(vx)
        refused("start", "no-space", ["is full"], vx.call, "vm.start", vm="resting")
        expect("its state", vx.state("resting"), "stopped")
        try:
            vx.call("vm.kill", vm="vm")
        except RpcError as e:
            expect("the error", e.name, "no-space")
            expect_in("the error", str(e), "it was done")
        vx.wait_end("vm", "kill")
        vx.call("vm.get", vm="other")
        expect("workers", len(vx.workers()), 1)
        vx.free()
        wait_until("the end is recorded", lambda: any(
            e["name"] == "vm" and e["reason"] == "kill" for e in all_events(vx)), 10)
        vx.stop(signal.SIGKILL)
        vx.start()
        vx.wait_end("vm", "kill")
        vx.wait_state("other", "running")
        vx.ctl("stop", "other")


@needs_kvm
@needs_mounts
def an_end_that_a_full_disk_kept_from_being_recorded_is_known_after_a_restart():
    with TinyDisk("2m") as vx:
        vx.run("vm", "end=debug-exit:9 after=1500")
        vx.fill()
        filled_until_refused(vx)
        vx.wait_end("vm", "debug-exit")
        time.sleep(0.2)
        vx.stop(signal.SIGKILL)
        vx.free()
        vx.start()
        vm = vx.wait_end("vm", "debug-exit")
        expect("status", vm["end"]["status"], 9)
        vx.wait_no_dir()


@needs_mounts
def a_vxd_starts_on_a_full_disk():
    with TinyDisk("2m") as vx:
        vx.create("vm")
        vx.stop()
        vx.fill()
        vx.start()
        expect("VMs", [v["name"] for v in vx.vms()], ["vm"])
        vx.stop()
        vx.free()
        vx.start()


if __name__ == "__main__":
    sys.exit(run_together([
        a_socket_left_behind_is_replaced,
        a_file_in_the_place_of_the_socket_is_refused_and_kept,
        one_database_serves_one_daemon,
        directories_that_others_could_write_are_refused,
        programs_that_are_missing_are_named,
        a_runtime_path_too_long_for_a_socket_is_refused,
        a_database_with_a_spoilt_header_is_refused_and_rebuilt,
        a_database_with_spoilt_pages_is_refused_and_rebuilt,
        a_database_cut_short_is_refused_and_rebuilt,
        an_empty_database_is_refused_and_rebuilt,
        a_missing_database_is_refused_and_rebuilt,
        a_newer_database_is_refused_and_left_alone,
        a_sound_database_is_not_recovered,
        on_a_full_disk_a_create_is_refused_whole_and_works_again_with_space,
        a_kill_on_a_full_disk_ends_the_vm_and_is_recorded_with_space,
        an_end_that_a_full_disk_kept_from_being_recorded_is_known_after_a_restart,
        a_vxd_starts_on_a_full_disk,
    ]))
