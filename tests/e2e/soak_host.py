"""What soak.py sees of the host: processes of vx, from /proc.

Not here: what they should be (soak.py).
"""
import ctypes
import os
import pathlib
import threading

PR_SET_CHILD_SUBREAPER = 36
OURS = ("vx-keeper", "vx-vmm")


def processes():
    """(pid, command name, state, parent) of each process."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        name = stat[stat.index("(") + 1:stat.rindex(")")]
        state, parent = stat[stat.rindex(")") + 2:].split()[:2]
        yield int(entry.name), name, state, int(parent)


def children(pid):
    """Living children of a process."""
    return [p for p, _, state, parent in processes() if parent == pid and state != "Z"]


def zombies(pid):
    """Children that it has not waited for."""
    return [(p, name) for p, name, state, parent in processes()
            if parent == pid and state == "Z"]


def keepers(libexec):
    """Living keepers of the session whose programs lie in `libexec`."""
    found = set()
    for pid, name, state, _ in processes():
        if name != "vx-keeper" or state == "Z":
            continue
        try:
            argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if argv[3:4] == [str(libexec / "vx-vmm").encode()]:
            found.add(pid)
    return found


def orphan_workers():
    """Living workers that came to us because their keeper is gone."""
    return [p for p, name, state, parent in processes()
            if name == "vx-vmm" and parent == os.getpid() and state != "Z"]


def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def private_memory(pid):
    """Bytes of anonymous memory that are resident."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


class Reaper:
    """While it is open, orphaned keepers and workers become our children: reap them."""

    def __init__(self):
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._reap, daemon=True)

    def __enter__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def _reap(self):
        while not self.stop.wait(0.05):
            for pid, name in zombies(os.getpid()):
                if name in OURS:
                    os.waitpid(pid, os.WNOHANG)
