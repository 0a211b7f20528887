"""A vxd whose VMs have no guest: their worker is tests/fake/fake_worker.

Each session has copies of the programs that VMs run, so that its processes are known
by their path, are counted, and cannot outlive the test.
"""
import base64
import concurrent.futures
import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from jsonrpc import Client, RpcError  # noqa: E402
from session import BUILD, Failure, Session, no_workers, wait_until  # noqa: E402

SRC = pathlib.Path(os.environ["VX_SRC"])
MIB = 1024 * 1024
MEMORY = 64 * MIB
# A sanitizer's word in the daemon's log.
BAD_LOG = ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer",
           "Assertion", "uv_loop_close")


def needs_kvm(test):
    """vxd opens /dev/kvm for each worker, also for one that leaves it alone."""
    @functools.wraps(test)
    def run():
        return no_workers() or test()
    return run


def expect(what, got, *wanted):
    """`got` is one of `wanted`."""
    if got not in wanted:
        raise Failure(f"{what}: {got!r}, not {' or '.join(map(repr, wanted))}")


def expect_in(what, text, *parts):
    for part in parts:
        if part not in text:
            raise Failure(f"{what}: no {part!r} in {text!r}")


def refused(what, name, parts, call, *args, **kwargs):
    """The call fails with the error `name`, whose message has all `parts`."""
    try:
        result = call(*args, **kwargs)
    except RpcError as e:
        if e.name != name:
            raise Failure(f"{what}: {e.name} ({e}), not {name}") from e
        expect_in(what, str(e), *parts)
        return e
    raise Failure(f"{what} was not refused: {result}")


def alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii",
                                                           errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def pids_of(path):
    """Processes, zombies aside, that run the program at `path`."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                exe = os.readlink(f"/proc/{entry}/exe")
                if exe.removesuffix(" (deleted)") == str(path):
                    found.append(int(entry))
    return found


class Vxd(Session):
    """A session with fake workers. Leaving it fails when vxd did, or a sanitizer spoke."""

    def __init__(self, prefix=()):
        self.prefix = list(prefix)
        self.clients = []
        super().__init__()

    def install(self):
        self.libexec = self.dir / "libexec"
        if self.libexec.exists():
            return
        self.libexec.mkdir(mode=0o755)
        shutil.copy(BUILD / "vx-keeper", self.libexec / "vx-keeper")
        shutil.copy(BUILD / "tests" / "fake" / "fake_worker", self.libexec / "vx-vmm")
        self.kernel = self.dir / "kernel"
        self.kernel.write_bytes(b"not looked at")

    def start(self, expect_failure=False):
        self.install()
        with open(self.log, "ab") as log:
            self.daemon = subprocess.Popen(
                [*self.prefix, str(BUILD / "vxd"), "--session", *self.options(),
                 "--libexec", str(self.libexec)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if expect_failure:
            return self.daemon.wait(20)
        wait_until("vxd answers", self.listens, 20)
        return 0

    def listens(self):
        if self.daemon.poll() is not None:
            raise Failure(f"vxd ended with {self.daemon.returncode}: {self.log_text()}")
        try:
            with Client(self.socket) as client:
                client.call("system.version")
        except OSError:
            return False
        return True

    def __exit__(self, kind, failure, _):
        if failure and self.daemon.poll() is not None:
            self.bad = (f"{failure}; vxd has ended with {self.daemon.returncode}: "
                        f"{self.log_text()}")
        try:
            self.close()
        finally:
            self.kill_leftovers()
        if self.bad:
            raise Failure(self.bad) from failure

    bad = None

    def close(self):
        log = ""
        try:
            if self.daemon.poll() is None:
                with contextlib.suppress(RpcError, OSError, ConnectionError):
                    self.kill_all()
                for client in self.clients:
                    client.close()
                self.stop()
                if self.daemon.returncode:
                    self.bad = (f"vxd ended with {self.daemon.returncode}: "
                                f"{self.log_text()}")
            log = self.log.read_text(errors="replace")
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)
        for word in BAD_LOG:
            if word in log:
                self.bad = "vxd's log: " + log[max(0, log.index(word) - 200):][:3000]

    def kill_all(self):
        with Client(self.socket) as client:
            for vm in client.call("vm.list")["vms"]:
                if vm["state"] not in ("stopped", "failed"):
                    with contextlib.suppress(RpcError):
                        client.call("vm.kill", vm=vm["id"])

    def kill_leftovers(self):
        """Keepers first, so that none of them tells how its worker ended."""
        for _ in range(20):
            pids = self.keepers() + self.workers()
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def workers(self):
        return pids_of(self.libexec / "vx-vmm")

    def keepers(self):
        return pids_of(self.libexec / "vx-keeper")

    def client(self, timeout=30):
        client = Client(self.socket, timeout)
        self.clients.append(client)
        return client

    def call(self, method, **params):
        with Client(self.socket) as client:
            return client.call(method, **params)

    def spec(self, name=None, words="", **more):
        spec = {"memory": MEMORY, "boot": {"kernel": str(self.kernel)}, **more}
        if name:
            spec["name"] = name
        if words:
            spec["boot"]["cmdline"] = words
        return spec

    def create(self, name=None, words="", start=False, key=None, **more):
        params = {"vm": self.spec(name, words, **more), "start": start}
        if key:
            params["idempotency_key"] = key
        return self.call("vm.create", **params)["vm"]

    def run(self, name, words="", state="running", seconds=20, **more):
        """Create it, start it, wait for the state."""
        vm = self.create(name, words, start=True, **more)
        self.wait_state(name, state, seconds)
        return vm

    def vm(self, name):
        return self.call("vm.get", vm=name)["vm"]

    def vms(self):
        return self.call("vm.list")["vms"]

    def state(self, name):
        return self.vm(name)["state"]

    def wait_state(self, name, state, seconds=20):
        states = (state,) if isinstance(state, str) else state
        end = time.monotonic() + seconds
        while (now := self.state(name)) not in states:
            if time.monotonic() > end:
                raise Failure(f"{name} is {now}, not {'/'.join(states)}, after "
                              f"{seconds} s: {self.log_text()[-600:]}")
            time.sleep(0.02)
        return now

    def wait_end(self, name, reason, seconds=20):
        self.wait_state(name, ("stopped", "failed"), seconds)
        vm = self.vm(name)
        expect(f"how {name} ended ({vm['end']})", vm["end"]["reason"], reason)
        return vm

    def wait_no_process(self, seconds=10):
        wait_until("no process of a VM is left",
                   lambda: not self.workers() + self.keepers(), seconds)

    def wait_no_dir(self, seconds=5):
        wait_until("no directory of an instance is left",
                   lambda: not self.instance_dirs(), seconds)

    def instance_dirs(self):
        return sorted(str(p.relative_to(self.dir / "run" / "vms"))
                      for p in (self.dir / "run" / "vms").glob("*/*"))


class Reader:
    """A VM's console as its notifications give it."""

    def __init__(self, client, name, history=True):
        self.client = client
        self.id = client.call("console.attach", vm=name, history=history)["id"]
        self.text = b""
        self.lost = 0
        self.pieces = []  # (offset, lost, bytes)
        self.end = None

    def read_one(self, timeout=20):
        while True:
            message = (self.client.notes.popleft() if self.client.notes
                       else self.client.read_line(timeout))
            if message is None:
                raise Failure("the console's connection ended")
            method, params = message.get("method"), message.get("params", {})
            if params.get("id") == self.id:
                break
        if method == "console.end":
            self.end = params.get("end", {})
            return
        data = base64.b64decode(params["data"])
        self.pieces.append((params["offset"], params.get("lost", 0), data))
        self.lost += params.get("lost", 0)
        self.text += data

    def until(self, part, timeout=20):
        end = time.monotonic() + timeout
        while part not in self.text:
            if self.end is not None:
                raise Failure(f"console without {part!r}: {self.text[-300:]!r}")
            try:
                self.read_one(max(0.0, end - time.monotonic()))
            except TimeoutError as e:
                raise Failure(f"console without {part!r}: {self.text[-300:]!r}") from e
        return self.text

    def until_end(self, timeout=20):
        end = time.monotonic() + timeout
        while self.end is None:
            self.read_one(max(0.0, end - time.monotonic()))
        return self.text

    def check_places(self):
        """Each piece begins where the one before ended, or says what was lost."""
        at = None
        for offset, lost, data in self.pieces:
            if at is not None and offset != at + lost:
                raise Failure(f"a piece at {offset} follows {at} with {lost} lost")
            at = offset + len(data)

    def type(self, data):
        self.client.call("console.write", id=self.id,
                         data=base64.b64encode(data).decode())


def run_together(tests, workers=6):
    """Run functions as tests, several at a time; their names are the sentences."""
    def one(test):
        name = test.__name__
        started = time.monotonic()
        try:
            why = test()
            line = f"skip {name}: {why}" if why else f"ok {name}"
        except Exception as e:  # pylint: disable=broad-except
            text = str(e).replace("\n", " | ")
            line = f"FAIL {name}: {type(e).__name__}: {text}"
        if os.environ.get("VX_TIMES"):
            line += f" ({time.monotonic() - started:.1f} s)"
        print(line + "\n", end="", flush=True)
        return not line.startswith("FAIL")

    only = sys.argv[1:]
    chosen = [t for t in tests if not only or t.__name__ in only]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return 0 if all(list(pool.map(one, chosen))) else 1


__all__ = ["BUILD", "Client", "Failure", "MEMORY", "MIB", "Reader", "RpcError", "SRC",
           "Vxd", "alive", "expect", "expect_in", "json", "needs_kvm", "pids_of",
           "refused", "run_together", "wait_until"]
