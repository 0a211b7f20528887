#!/usr/bin/env python3
"""A live worker, from the inside: what can its threads still do?

A debugger makes the threads of a running vx-vmm try what an attacker in there would.
"""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from session import BUILD, Failure, Session, run_tests, wait_until  # noqa: E402
from test_native import kvm_is_unusable  # noqa: E402

IMAGE = BUILD / "tests/guest/guest-pvh32"
AT_FDCWD = 2**64 - 100
# What it would try, as x86-64 numbers them.
FORBIDDEN = {
    "openat": (257, AT_FDCWD, 0, 0), "open": (2, 0, 0), "openat2": (437, AT_FDCWD, 0, 0, 24),
    "creat": (85, 0, 0o600), "unlink": (87, 0), "mkdir": (83, 0, 0o700),
    "socket": (41, 1, 1, 0), "connect": (42, 0, 0, 0), "clone": (56, 17, 0),
    "clone3": (435, 0, 0), "fork": (57,), "execve": (59, 0, 0, 0), "execveat": (322, 0, 0, 0),
    "ptrace": (101, 16, 1), "kill": (62, 1, 9), "process_vm_readv": (310, 1, 0, 0, 0, 0, 0),
    "mmap of code": (9, 0, 4096, 7, 0x22, 2**64 - 1, 0), "mprotect to code": (10, 0, 4096, 5),
    "mount": (165, 0, 0, 0, 0, 0), "unshare": (272, 0x10000000), "setns": (308, 0, 0),
    "setuid": (105, 0), "capset": (126, 0, 0), "prctl": (157, 1, 0), "bpf": (321, 0, 0, 0),
    "io_uring_setup": (425, 1, 0), "userfaultfd": (323, 0), "perf_event_open": (298, 0, 0, 0, 0),
    "memfd_create": (319, 0, 0), "ioctl of a terminal": (16, 2, 0x5412, 0), "keyctl": (250, 0),
}
GETPID = 39


def worker_of(vx, name):
    keeper = vx.vm(name)["pid"]
    children = pathlib.Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    return int(children[0])


def threads(pid):
    """Thread ids by name; the main thread is called by its program's name."""
    return {pathlib.Path(f"/proc/{pid}/task/{tid}/comm").read_text().strip(): int(tid)
            for tid in os.listdir(f"/proc/{pid}/task")}


def inject(tid, call):
    done = subprocess.run([BUILD / "tests/guest/inject", str(tid), *map(str, call)],
                          capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise Failure(done.stderr.strip())
    return done.stdout.strip()


def start(vx, name):
    vx.ctl("create", name, "--kernel", IMAGE, "--cmdline", "end=hlt", "--memory", "16M")
    vx.ctl("start", name)
    pid = worker_of(vx, name)
    wait_until("the vCPU has its name", lambda: "vcpu0" in threads(pid), 10)
    return pid


def unsealed():
    """Why nothing can be tried here, or None."""
    if kvm_is_unusable():
        return kvm_is_unusable()
    if os.geteuid() != 0:
        return "only root may debug a process of another user"
    return None


def try_all(thread):
    """Every forbidden call, each in a worker of its own, by its thread `thread`."""
    with Session() as vx:
        for i, (what, call) in enumerate(FORBIDDEN.items()):
            name = f"victim-{i}"
            tid = threads(start(vx, name))["vcpu0" if thread == "vcpu0" else "vx-vmm"]
            seen = inject(tid, call)
            if seen != "killed":
                raise Failure(f"{what} by {thread}: {seen}")
            vx.wait_state(name, "failed", 10)
            end = vx.vm(name)["end"]
            want = f"thread {thread} made the system call {call[0]},"
            if end["reason"] != "seccomp" or want not in end["detail"]:
                raise Failure(f"{what} by {thread}: reported as {end}")
            vx.ctl("delete", name)


def no_forbidden_call_of_a_vcpu_thread_goes_unpunished():
    return unsealed() or try_all("vcpu0")


def no_forbidden_call_of_the_control_thread_goes_unpunished():
    return unsealed() or try_all("control")


def an_allowed_call_is_allowed():
    if unsealed():
        return unsealed()
    with Session() as vx:
        for name in ("vcpu0", "vx-vmm"):
            # A VM for each: the thread does not know what to make of that answer.
            pid = start(vx, f"good-{name}")
            # 1: it is the first process of its namespace and sees no other.
            if (seen := inject(threads(pid)[name], (GETPID,))) != "returned 1":
                raise Failure(f"getpid by {name}: {seen}")
    return None


def a_worker_has_no_root_no_capability_and_no_way_to_any():
    why = unsealed()
    if why:
        return why
    with Session() as vx:
        pid = start(vx, "bare")
        status = dict(line.split(":\t", 1) for line in
                      pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                      if ":\t" in line)
        want = {"CapEff": "0" * 16, "CapPrm": "0" * 16, "CapBnd": "0" * 16,
                "CapInh": "0" * 16, "CapAmb": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2",
                "Groups": ""}
        for key, value in want.items():
            if status[key].strip() != value:
                raise Failure(f"{key} is {status[key]!r}, not {value!r}")
        if status["Uid"].split()[0] == "0":
            raise Failure("it runs as root")
        if os.listdir(f"/proc/{pid}/root"):
            raise Failure(f"it sees files: {os.listdir(f'/proc/{pid}/root')}")
        if pathlib.Path(f"/proc/{pid}/environ").read_bytes():
            raise Failure("it has an environment")
        for kind in ("pid", "mnt", "net", "ipc", "uts", "user", "cgroup"):
            if os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}"):
                raise Failure(f"it shares our {kind} namespace")
    return None


if __name__ == "__main__":
    sys.exit(run_tests([
        an_allowed_call_is_allowed,
        a_worker_has_no_root_no_capability_and_no_way_to_any,
        no_forbidden_call_of_a_vcpu_thread_goes_unpunished,
        no_forbidden_call_of_the_control_thread_goes_unpunished,
    ]))
