"""A vxd of one's own for a test: directories, daemon, vxctl, a VM's console.

Nothing of it outlives the test: VMs are killed, vxd is ended, the directory goes.
"""
import functools
import json
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from jsonrpc import Client

BUILD = pathlib.Path(os.environ["VX_BUILD"])


class Failure(Exception):
    """A test failed; the text says how."""


def wait_until(what, condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.02)


@functools.cache
def no_workers():
    """Why no worker can be started here, or None."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as e:
        return f"/dev/kvm cannot be opened: {e.strerror}"
    if subprocess.run(["unshare", "--user", "true"], capture_output=True,
                      check=False).returncode:
        return "this host allows no user namespaces"
    return None


class Session:
    """vxd in session mode, below a directory of its own."""

    def __init__(self, libexec=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vx-e2e."))
        self.libexec = pathlib.Path(libexec or BUILD)
        self.socket = self.dir / "run" / "vxd.sock"
        self.log = self.dir / "vxd.log"
        self.daemon = None
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def options(self):
        return ["--state", str(self.dir / "state"), "--runtime", str(self.dir / "run")]

    def start(self, expect_failure=False):
        log = open(self.log, "ab")
        self.daemon = subprocess.Popen(
            [str(BUILD / "vxd"), "--session", *self.options(),
             "--libexec", str(self.libexec)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if expect_failure:
            return self.daemon.wait(20)
        wait_until("vxd answers", self.answers, 20)
        return 0

    def answers(self):
        if self.daemon.poll() is not None:
            raise Failure(f"vxd ended with {self.daemon.returncode}: {self.log_text()}")
        return self.socket.exists() and self.ctl("version", check=False).returncode == 0

    def log_text(self):
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self, sig=signal.SIGTERM):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.send_signal(sig)
            self.daemon.wait(30)

    def close(self):
        try:
            if self.daemon and self.daemon.poll() is None:
                for vm in self.vms():
                    self.ctl("kill", vm["name"], check=False)
                self.stop()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def ctl(self, *args, check=True, seconds=60, **kwargs):
        done = subprocess.run(
            [str(BUILD / "vxctl"), args[0], "--socket", str(self.socket), *args[1:]],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
            check=False, **kwargs)
        if check and done.returncode:
            raise Failure(f"vxctl {' '.join(args)}: exit {done.returncode}: "
                          f"{done.stderr}{self.log_text()}")
        return done

    def json(self, *args, **kwargs):
        return json.loads(self.ctl(*args, "-o", "json", **kwargs).stdout)

    def vms(self):
        return self.json("list")["vms"]

    def vm(self, name):
        return self.json("show", name)["vm"]

    def events(self, after=0):
        """All that were committed so far behind number `after`, oldest first."""
        client = Client(self.socket, timeout=20)
        last = client.call("events.subscribe", after_seq=after)["seq"]
        out = [client.notification("event", 20)["event"] for _ in range(last - after)]
        client.close()
        return out

    def wait_state(self, name, state, seconds=30):
        wait_until(f"{name} is {state}", lambda: self.vm(name)["state"] == state, seconds)


class Console:
    """A VM's console through `vxctl console`, as a person would use it."""

    def __init__(self, session, name):
        self.child = subprocess.Popen(
            [str(BUILD / "vxctl"), "console", "--socket", str(session.socket), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.text = ""
        self.seen = 0
        self.chunks = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def _read(self):
        while True:
            data = self.child.stdout.read1(65536)
            self.chunks.put(data)
            if not data:
                return

    def expect(self, text, seconds):
        """Wait for `text` behind what was matched before; what lies between."""
        end = time.monotonic() + seconds
        while text not in self.text[self.seen:]:
            try:
                data = self.chunks.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                data = None
            if not data:
                why = "the console ended" if data == b"" else f"not within {seconds} s"
                raise Failure(f"console without {text!r}: {why}; it ends with: "
                              f"{self.text[-1500:]!r}")
            self.text += data.decode("utf-8", "replace")
        at = self.text.index(text, self.seen)
        between = self.text[self.seen:at]
        self.seen = at + len(text)
        return between

    def type(self, line):
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()


def run_tests(tests):
    """Run functions as tests; their names with blanks are the sentences."""
    failed = False
    for test in tests:
        name = test.__name__
        try:
            why = test()
            print(f"skip {name}: {why}" if why else f"ok {name}", flush=True)
        except (Failure, AssertionError, OSError, subprocess.SubprocessError,
                KeyError, ValueError) as e:
            failed = True
            text = str(e).replace("\n", " | ")
            print(f"FAIL {name}: {type(e).__name__}: {text}", flush=True)
    return 1 if failed else 0
