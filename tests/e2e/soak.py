#!/usr/bin/env python3
"""Micro guests come and go for a long time: nothing may be lost, left behind or grow.

    tests/e2e/soak.py [SECONDS] [SEED]        (VX_BUILD; VX_SOAK_SECONDS, VX_SOAK_SEED)

Two sessions at once, each with some actors that create, start, stop, kill and delete
VMs of their own through vxctl, and kill workers. In one of them vxd is killed and
started again all the time; the other vxd stays and must not grow. After every round
the actors rest, and what vxd says is compared with what there is: processes, instance
directories, database, definition files, events. An actor knows what each of its VMs
must be doing; only a call during which vxd died may have had any outcome.

Native ground: any KVM that starts a VM. Not here: unmodified kernels (matrix.py).
"""
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import statistics
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("VX_BUILD", str(HERE.parent.parent / "build/release"))
sys.path.insert(0, str(HERE))
from jsonrpc import Client  # noqa: E402
from soak_host import (Reaper, children, fd_count, keepers, orphan_workers,  # noqa: E402
                       private_memory, zombies)
from session import BUILD, Failure, Session, wait_until  # noqa: E402

GUEST = BUILD / "tests/guest/guest-pvh64"
ACTORS = 3
VMS_EACH = 4
ROUND_SECONDS = 6
CLEAN_EVERY = 3  # rounds
SETTLE_SECONDS = 30
END_SECONDS = 20
GROWTH_MAX = 4 << 20
NOT_FOUND, CONFLICT, LATE, UNAVAILABLE, VM_FAILED = 3, 4, 7, 8, 9
# A guest may end while vxd talks to its worker.
USUAL_ERRORS = ("the connection is gone", "the guest is ending")
CALM_STATES = ("stopped", "running", "failed")

# words: (what it ends by itself with, does it obey the button, how often)
GUESTS = {
    "end=hlt": (None, False, 3),
    "end=echo": (None, False, 2),
    "end=spin": (None, False, 1),
    "end=button": (None, True, 5),
    "end=poweroff": ("guest-poweroff", False, 3),
    "end=reset": ("guest-reset", False, 2),
    "end=exit:7": ("debug-exit", False, 2),
    "end=triple": ("triple-fault", False, 2),
}


def until_equal(what, found, wanted, seconds=END_SECONDS):
    """Wait until the set that `found` gives is `wanted`."""
    end = time.monotonic() + seconds
    while (now := found()) != wanted:
        if time.monotonic() > end:
            raise Failure(f"{what}: after {seconds} s there are too many: "
                          f"{sorted(map(str, now - wanted))}, and missing: "
                          f"{sorted(map(str, wanted - now))}")
        time.sleep(0.02)


class Vm:
    """What an actor knows of one of its VMs."""

    def __init__(self, name, words):
        self.name = name
        self.words = words
        self.ends_by, self.obeys, _ = GUESTS[words]
        self.id = None
        self.instance = 0
        self.runs = False  # this instance must be running, unless it ends by itself
        self.reasons = None  # one of these it must have ended by; None: any

    def started(self, instance):
        self.instance = instance
        self.runs = self.ends_by is None
        self.reasons = {self.ends_by} if self.ends_by else None

    def ended(self, *reasons):
        """By these; one that ends by itself may have been faster."""
        self.runs = False
        self.reasons = set(reasons) | ({self.ends_by} if self.ends_by else set())

    def unknown(self):
        self.runs = False
        self.reasons = None

    def check(self, shown):
        """Raise Failure if what `show` says of it cannot be."""
        what = f"{self.name} ({self.words})"
        state, end = shown["state"], shown.get("end")
        if self.runs and (state, shown["instance"]) != ("running", self.instance):
            raise Failure(f"{what} must run as instance {self.instance}, but is {state}, "
                          f"instance {shown['instance']}, end {end}")
        if self.reasons and (not end or end["reason"] not in self.reasons):
            raise Failure(f"{what} must have ended by {sorted(self.reasons)}, but is "
                          f"{state}, end {end}")


class Soak:
    """A session, its actors, and what is compared after each round."""

    def __init__(self, label, restarts, seed):
        self.label = label
        self.restarts = restarts
        self.random = random.Random(f"{seed} {label}")
        # Of its own, so that its keepers are told from another session's.
        self.libexec = pathlib.Path(tempfile.mkdtemp(prefix="vx-soak."))
        for program in ("vx-keeper", "vx-vmm"):
            (self.libexec / program).symlink_to(BUILD / program)
        self.session = Session(libexec=self.libexec)
        self.actors = [Actor(self, i, random.Random(self.random.random()))
                       for i in range(ACTORS)]
        self.up = threading.Event()
        self.up.set()
        self.generation = 0  # changes at each end and each start of vxd
        self.ends = 0
        self.last_seq, self.epoch = 0, None
        self.samples = []  # (descriptors, private memory) of vxd without a VM
        self.failure = None

    def close(self):
        self.session.close()
        for pid in keepers(self.libexec):  # after a failure
            os.kill(pid, signal.SIGTERM)
        shutil.rmtree(self.libexec, ignore_errors=True)

    # -- calls

    def call(self, *args, allowed=(0,), seconds=60):
        """vxctl: its result, or None if vxd died during the call and it has none."""
        self.up.wait()
        before = self.generation
        done = self.session.ctl(*args, check=False, seconds=seconds)
        if done.returncode in allowed:
            return done
        if done.returncode == UNAVAILABLE and (
                self.generation != before or not self.up.is_set()):
            return None
        raise Failure(f"vxctl {' '.join(map(str, args))}: exit {done.returncode}: "
                      f"{done.stderr.strip()}")

    def show(self, name):
        """What vxd says of a VM, or None if it is not there."""
        while True:
            done = self.call("show", name, "-o", "json", allowed=(0, NOT_FOUND))
            if done:
                return json.loads(done.stdout)["vm"] if done.returncode == 0 else None

    def settled(self, name):
        """Likewise, once it is in no passing state."""
        end = time.monotonic() + SETTLE_SECONDS
        while True:
            shown = self.show(name)
            if not shown or shown["state"] in CALM_STATES:
                return shown
            if time.monotonic() > end:
                raise Failure(f"{name} is {shown['state']} after {SETTLE_SECONDS} s")
            time.sleep(0.02)

    # -- a round

    def restart_at_random(self, until):
        while time.monotonic() < until:
            time.sleep(self.random.uniform(0.05, 1.5))
            self.generation += 1
            self.up.clear()
            self.session.stop(self.random.choice(
                [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
            self.ends += 1
            time.sleep(self.random.choice([0, 0, 0.3]))
            self.session.start()
            self.generation += 1
            self.up.set()

    def round(self, seconds, clean):
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self.guarded, args=(a.act_until, until))
                   for a in self.actors]
        if self.restarts:
            threads.append(threading.Thread(
                target=self.guarded, args=(self.restart_at_random, until)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not self.failure:
            self.guarded(self.compare, clean)

    def guarded(self, function, *args):
        try:
            if not self.failure:
                function(*args)
        except Exception as e:  # pylint: disable=broad-except
            self.failure = self.failure or e
            self.up.set()  # nobody shall wait for a vxd that does not come

    # -- what is compared

    def compare(self, clean):
        if clean:
            for actor in self.actors:
                actor.remove_all()
        mine = {}
        for actor, vm in [(a, vm) for a in self.actors for vm in a.vms]:
            if vm.ends_by:
                actor.wait_end(vm)
            mine[vm.name] = self.settled(vm.name)
            if not mine[vm.name]:
                raise Failure(f"{vm.name} is gone")
            vm.check(mine[vm.name])
        until_equal("VMs", lambda: {v["name"] for v in self.session.vms()}, set(mine))
        self.compare_processes(mine.values())
        self.compare_directories(mine.values())
        self.compare_store(mine.values())
        self.compare_events()
        if clean:
            self.sample()

    def compare_processes(self, shown):
        wanted = {vm.get("pid", f"vxd knows none of {vm['definition']['name']}")
                  for vm in shown if vm["state"] == "running"}
        until_equal("keepers, each with its worker", self.living, wanted)
        if orphan_workers():
            raise Failure(f"workers without a keeper: {orphan_workers()}")
        if zombies(self.session.daemon.pid):
            raise Failure(f"vxd does not reap {zombies(self.session.daemon.pid)}")

    def living(self):
        found = keepers(self.libexec)
        return {pid if len(children(pid)) == 1 else f"{pid} without" for pid in found}

    def compare_directories(self, shown):
        wanted = {f"{vm['definition']['id']}/{vm['instance']}" for vm in shown
                  if vm["state"] == "running"}
        root = self.session.dir / "run" / "vms"

        def found():
            names = set()
            for vm in root.iterdir():
                inside = [f"{vm.name}/{n.name}" for n in vm.iterdir()]
                names.update(inside or [vm.name])
            return names

        until_equal(f"directories in {root}", found, wanted)

    def compare_store(self, shown):
        """Database, API and, written right behind a commit, definition files agree."""
        state = self.session.dir / "state"
        with tempfile.TemporaryDirectory() as copy:  # whole, as vxd is idle
            for path in state.glob("vx.db*"):
                shutil.copy(path, copy)
            db = sqlite3.connect(f"{copy}/vx.db")
            try:
                rows = {f"{i}.json": json.loads(record)
                        for i, record in db.execute("SELECT id, record FROM vms")}
            finally:
                db.close()
        told = {f"{vm['definition']['id']}.json": vm["definition"] for vm in shown}
        if told != {name: row["definition"] for name, row in rows.items()}:
            raise Failure(f"database and API differ: {rows} {told}")

        def files():
            return {(p.name, json.dumps(json.loads(p.read_text()), sort_keys=True))
                    for p in (state / "definitions").iterdir()}

        until_equal("definition files as in the database", files,
                    {(name, json.dumps(r, sort_keys=True)) for name, r in rows.items()})

    def compare_events(self):
        """Numbered without a gap, also across ends of vxd."""
        with Client(self.session.socket) as client:
            params = {"after_seq": self.last_seq, "db_epoch": self.epoch} \
                if self.epoch else {}
            now = client.call("events.subscribe", **params)
            if self.epoch is None:
                self.last_seq, self.epoch = now["seq"], now["db_epoch"]
            while self.last_seq < now["seq"]:
                event = client.notification("event", 10)["event"]
                if (event["seq"], event["db_epoch"]) != (self.last_seq + 1, self.epoch):
                    raise Failure(f"behind event {self.last_seq} came {event}")
                self.last_seq += 1

    def sample(self):
        pid = self.session.daemon.pid
        if not self.restarts and self.samples:
            wait_until("vxd has as many descriptors as before",
                       lambda: fd_count(pid) <= self.samples[0][0], END_SECONDS)
        self.samples.append((fd_count(pid), private_memory(pid)))

    def growth(self):
        """Bytes that vxd grew by, as medians of early and late samples; warm-up aside."""
        memory = [m for _, m in self.samples[len(self.samples) // 5:]]
        third = max(1, len(memory) // 3)
        return int(statistics.median(memory[-third:]) - statistics.median(memory[:third]))

    # -- the whole

    def run(self, seconds):
        until = time.monotonic() + seconds
        rounds = 0
        while time.monotonic() < until and not self.failure:
            rounds += 1
            self.round(min(ROUND_SECONDS, max(1, until - time.monotonic())),
                       clean=rounds % CLEAN_EVERY == 0)
        if not self.failure:
            self.guarded(self.compare, True)
        if not self.failure:
            self.guarded(self.judge)

    def judge(self):
        if not self.restarts and len(self.samples) >= 6 and self.growth() > GROWTH_MAX \
                and b"__asan_init" not in (BUILD / "vxd").read_bytes():
            raise Failure(f"vxd grew by {self.growth()} bytes: {self.samples}")
        self.session.stop()
        if self.session.daemon.returncode:
            raise Failure(f"vxd ended with {self.session.daemon.returncode}")
        log = self.session.log.read_text(errors="replace")
        bad = [line for line in log.splitlines() if line.startswith("error:")
               and not any(usual in line for usual in USUAL_ERRORS)
               or "Sanitizer" in line or "runtime error" in line]
        if bad:
            raise Failure(f"vxd complains: {bad[:5]}")

    def report(self):
        counts = {}
        for actor in self.actors:
            for what, n in actor.counts.items():
                counts[what] = counts.get(what, 0) + n
        text = f"{sum(counts.values())} calls (" + ", ".join(
            f"{n} {what}" for what, n in sorted(counts.items())) + ")"
        if self.restarts:
            return text + f", vxd ended {self.ends} times"
        fds, memory = zip(*self.samples)
        thirds = [memory[len(memory) * i // 3] >> 10 for i in (0, 1, 2)]
        return text + (f", vxd's descriptors {fds[0]} then {fds[-1]}, its private memory "
                       f"by thirds {thirds} and at last {memory[-1] >> 10} KiB")


class Actor:
    """Does to its own VMs what people do, and knows what must come of it."""

    def __init__(self, soak, number, rng):
        self.soak = soak
        self.number = number
        self.random = rng
        self.vms = []
        self.made = 0
        self.counts = {}

    def act_until(self, until):
        while time.monotonic() < until and not self.soak.failure:
            self.act()

    def act(self):
        acts = [self.create] if len(self.vms) < VMS_EACH else []
        if self.vms:
            acts += [self.start, self.start, self.stop, self.kill, self.look,
                     self.kill_worker, self.delete]
        acts.append(self.run)
        act = self.random.choice(acts)
        self.counts[act.__name__] = self.counts.get(act.__name__, 0) + 1
        if act in (self.create, self.run):
            act()
        else:
            act(self.random.choice(self.vms))

    def call(self, *args, **kwargs):
        return self.soak.call(*args, **kwargs)

    def find_out(self, vm):
        """After a call without an answer: any outcome is right, but it must be one."""
        vm.unknown()
        shown = self.soak.settled(vm.name)
        if shown and shown["state"] == "running":
            vm.started(shown["instance"])
        return shown

    def create(self):
        self.made += 1
        words = self.random.choices(list(GUESTS), [g[2] for g in GUESTS.values()])[0]
        vm = Vm(f"a{self.number}-{self.made}", words)
        done = self.call("create", vm.name, "--kernel", GUEST, "--memory", "2M",
                         "--cmdline", words, "--debug-exit", "--on-reboot", "stop")
        if done or self.soak.show(vm.name):
            self.vms.append(vm)

    def start(self, vm):
        before = self.soak.settled(vm.name)
        running = before["state"] == "running"
        allowed = [0]
        if running:
            allowed.append(CONFLICT)
        if vm.ends_by:  # maybe before it was seen running
            allowed.append(VM_FAILED)
        done = self.call("start", vm.name, allowed=allowed)
        if not done:
            self.find_out(vm)
        elif done.returncode != CONFLICT:
            vm.started(before["instance"] + 1)

    def stop(self, vm):
        if self.soak.settled(vm.name)["state"] != "running":
            self.call("stop", vm.name, allowed=(CONFLICT,))
            return
        then_kill = self.random.random() < 0.5
        # One that has just begun does not listen yet, and then forgets the button.
        for tries_left in (2, 1, 0) if vm.obeys else (0,):
            done = self.ask_to_stop(vm, then_kill, vm.obeys and tries_left)
            if not done or done.returncode != LATE:
                break
        if not done:
            self.find_out(vm)
        elif done.returncode == 0:
            vm.ended("stop", *(["kill"] if then_kill else []))
        elif vm.ends_by:
            vm.unknown()

    def ask_to_stop(self, vm, then_kill, may_be_late):
        allowed = [0] if vm.obeys or then_kill else [LATE]
        if may_be_late:
            allowed.append(LATE)
        if vm.ends_by:  # meanwhile: before, while or after it is asked
            allowed = [0, CONFLICT, LATE, UNAVAILABLE, VM_FAILED]
        return self.call("stop", vm.name, "--deadline", "5" if vm.obeys else "1",
                         *(["--then-kill"] if then_kill else []), allowed=allowed)

    def kill(self, vm):
        running = self.soak.settled(vm.name)["state"] == "running"
        allowed = (0,) if running and not vm.ends_by else (0, CONFLICT)
        done = self.call("kill", vm.name, allowed=allowed)
        if not done:
            self.find_out(vm)
        elif done.returncode == 0:
            vm.ended("kill")

    def kill_worker(self, vm):
        """What the kernel's memory killer would do."""
        shown = self.soak.settled(vm.name)
        if shown["state"] != "running" or vm.ends_by or not shown.get("pid"):
            return
        vm.ended("crash", "oom")
        for worker in children(shown["pid"]):
            os.kill(worker, signal.SIGKILL)

        def noticed():
            now = self.soak.settled(vm.name)
            return now["state"] == "failed"

        wait_until(f"{vm.name} has failed", noticed, END_SECONDS)

    def look(self, vm):
        vm.check(self.soak.settled(vm.name)) if not vm.ends_by else self.wait_end(vm)

    def wait_end(self, vm):
        """A guest that ends by itself does."""
        wait_until(f"{vm.name} ({vm.words}) has ended",
                   lambda: self.soak.settled(vm.name)["state"] != "running", END_SECONDS)
        vm.check(self.soak.settled(vm.name))

    def delete(self, vm):
        running = self.soak.settled(vm.name)["state"] == "running"
        allowed = (0,) if not running else (0, CONFLICT) if vm.ends_by else (CONFLICT,)
        done = self.call("delete", vm.name, allowed=allowed)
        gone = done.returncode == 0 if done else self.soak.show(vm.name) is None
        if gone:
            self.vms.remove(vm)
            if self.soak.show(vm.name):
                raise Failure(f"{vm.name} was deleted and is there")

    def run(self):
        byte = self.random.randrange(10, 250)
        done = self.call("run", "--kernel", GUEST, "--memory", "2M", "--debug-exit",
                         "--cmdline", f"end=exit:{byte}", allowed=(byte,))
        if done and f"end=exit:{byte}" not in done.stdout:
            raise Failure(f"`run` has not shown the whole console: {done.stdout!r}")

    def remove_all(self):
        for vm in list(self.vms):
            if self.soak.settled(vm.name)["state"] == "running":
                if vm.ends_by:
                    self.wait_end(vm)
                else:
                    self.kill(vm)
            self.delete(vm)


def kvm_is_usable():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
        return True
    except OSError:
        return False


def main():
    seconds = int(sys.argv[1] if len(sys.argv) > 1
                  else os.environ.get("VX_SOAK_SECONDS", "1800"))
    seed = sys.argv[2] if len(sys.argv) > 2 else \
        os.environ.get("VX_SOAK_SEED", str(random.randrange(1 << 32)))
    if not kvm_is_usable():
        print("skip soak: no /dev/kvm that can be opened")
        return 77
    print(f"seed {seed}, {seconds} s", flush=True)
    names = {"storm": "what_was_acknowledged_outlives_every_end_of_vxd",
             "calm": "a_vxd_that_stays_neither_grows_nor_forgets"}
    with Reaper():
        soaks = [Soak("storm", True, seed), Soak("calm", False, seed)]
        threads = [threading.Thread(target=s.run, args=(seconds,)) for s in soaks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for soak in soaks:
            name = names[soak.label]
            if soak.failure:
                text = f"{type(soak.failure).__name__}: {soak.failure}"
                print(f"vxd's log ends with:\n{soak.session.log_text()}")
                print(f"FAIL {name}: {' | '.join(text.splitlines())}; seed {seed}")
            else:
                print(f"ok {name}: {soak.report()}")
            soak.close()
    return 1 if any(s.failure for s in soaks) else 0


if __name__ == "__main__":
    sys.exit(main())
