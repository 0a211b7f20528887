#!/usr/bin/env python3
"""vxd's API with VMs that have no guest: refusals, life of a VM, events, consoles."""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake import (BUILD, MIB, Failure, Reader, RpcError, Vxd, expect,  # noqa: E402
                  expect_in, needs_kvm, refused, run_together, wait_until)


# -- bad input: nothing of it makes a VM

def host_memory():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def create_refused(vx, error, parts, path=None, **spec):
    spec = {**vx.spec("bad"), **spec}
    e = refused(f"create {spec}", error, parts, vx.call, "vm.create", vm=spec)
    if path:
        expect("path of the error", e.data.get("path"), path)
    return e


def nothing_was_made(vx):
    expect("VMs after refusals", vx.vms(), [])
    expect("definition files", os.listdir(vx.dir / "state" / "definitions"), [])
    with vx.client() as client:
        expect("events", client.call("events.subscribe")["seq"], 0)


def a_kernel_that_is_not_there_is_named():
    with Vxd() as vx:
        gone = str(vx.dir / "gone")
        spec = vx.spec("vm", boot={"kernel": gone})
        refused("create and start", "not-found", ["kernel", gone], vx.call, "vm.create",
                vm=spec, start=True)
        nothing_was_made(vx)
        vx.call("vm.create", vm=spec)
        e = refused("start", "not-found", ["kernel", gone], vx.call, "vm.start", vm="vm")
        expect("object", e.data["object"], gone)
        expect("its state", vx.state("vm"), "stopped")
        expect("its instance", vx.vm("vm")["instance"], 0)
        done = vx.ctl("start", "vm", check=False)
        expect("exit status of vxctl", done.returncode, 3)
        expect_in("what vxctl says", done.stderr, gone, "No such file")


def a_kernel_that_is_no_regular_file_is_refused_at_once():
    with Vxd() as vx:
        fifo = vx.dir / "fifo"
        os.mkfifo(fifo)
        for path in (str(vx.dir), str(fifo), "/dev/zero", str(vx.socket)):
            for boot in ({"kernel": path}, {"kernel": str(vx.kernel), "initrd": path},
                         {"kernel": str(vx.kernel), "modules": [path]}):
                try:
                    vx.call("vm.create", vm=vx.spec("vm", boot=boot), start=True)
                    raise Failure(f"{boot} was taken")
                except RpcError as e:
                    expect_in("the message", str(e), path)
                    if path != str(vx.socket):  # ENXIO when it is opened
                        expect(f"error for {boot}", e.name, "bad-image")
        nothing_was_made(vx)


def a_kernel_path_must_be_absolute():
    with Vxd() as vx:
        for path in ("vmlinuz", "", "./x", "/a\nb", "/" + 4095 * "x"):
            create_refused(vx, "invalid-params", [], "vm.boot.kernel",
                           boot={"kernel": path})
        nothing_was_made(vx)


def more_memory_than_the_host_has_is_refused():
    with Vxd() as vx:
        create_refused(vx, "no-capacity", ["this host has"],
                       memory=(host_memory() // 4096 + 1) * 4096)
        done = vx.ctl("create", "bad", "--kernel", str(vx.kernel), "--memory", "1023G",
                      check=False)
        expect("exit status of vxctl", done.returncode, 6)
        expect_in("what vxctl says", done.stderr, "this host has", "less memory")
        nothing_was_made(vx)


@needs_kvm
def memory_is_promised_once():
    with Vxd() as vx:
        most = host_memory() * 6 // 10 // 4096 * 4096
        vx.run("one", memory=most)
        vx.create("two", memory=most)
        e = refused("start", "no-capacity", ["are promised to 1 running"], vx.call,
                    "vm.start", vm="two")
        expect_in("its hint", e.data["hint"], "stop another VM")
        vx.call("vm.kill", vm="one")
        vx.wait_end("one", "kill")
        vx.call("vm.start", vm="two")
        vx.wait_state("two", "running")


def memory_is_a_multiple_of_the_page_size():
    with Vxd() as vx:
        for memory in (64 * MIB + 1, 64 * MIB + 2048):
            create_refused(vx, "invalid-params", ["multiple of 4096", str(memory)],
                           "vm.memory", memory=memory)
        nothing_was_made(vx)


def unknown_fields_are_refused():
    with Vxd() as vx:
        create_refused(vx, "invalid-params", [], "vm.colour", colour="green")
        create_refused(vx, "invalid-params", [], "vm.boot.kernle",
                       boot={"kernel": "/k", "kernle": "/k"})
        refused("an unknown parameter", "invalid-params", ["force"], vx.call,
                "vm.delete", vm="x", force=True)
        nothing_was_made(vx)


def wrong_types_are_refused():
    with Vxd() as vx:
        for path, spec in {
                "vm.cpus": {"cpus": "two"}, "vm.memory": {"memory": 67108864.5},
                "vm.protect": {"protect": 1}, "vm.boot": {"boot": 7},
                "vm.name": {"name": ["a"]}, "vm.labels": {"labels": []},
                "vm.labels.a": {"labels": {"a": 1}},
                "vm.boot.modules[1]": {"boot": {"kernel": "/k", "modules": ["/a", 2]}},
                "vm.boot.cmdline": {"boot": {"kernel": "/k", "cmdline": None}},
                "vm.machine": {"machine": "pc"},
                "vm.on_reboot": {"on_reboot": "explode"}}.items():
            create_refused(vx, "invalid-params", [], path, **spec)
        e = refused("no kernel", "invalid-params", ["kernel"], vx.call, "vm.create",
                    vm={"boot": {}})
        expect("path", e.data["path"], "vm.boot.kernel")
        e = refused("no vm", "invalid-params", ["vm"], vx.call, "vm.create")
        expect("path", e.data["path"], "vm")
        nothing_was_made(vx)


def numbers_out_of_range_are_refused():
    with Vxd() as vx:
        for path, spec in (
                ("vm.cpus", {"cpus": 0}), ("vm.cpus", {"cpus": 255}),
                ("vm.cpus", {"cpus": -1}), ("vm.cpus", {"cpus": 2 ** 63 - 1}),
                ("vm.memory", {"memory": 0}), ("vm.memory", {"memory": 2 ** 53}),
                ("vm.boot.cmdline", {"boot": {"kernel": "/k", "cmdline": 2048 * "x"}}),
                ("vm.boot.modules", {"boot": {"kernel": "/k", "modules": 17 * ["/m"]}}),
                ("vm.labels", {"labels": {f"k{i}": "v" for i in range(65)}})):
            create_refused(vx, "invalid-params", [], path, **spec)
        for limit in (0, 1001, -1):
            refused(f"limit {limit}", "invalid-params", ["limit"], vx.call, "vm.list",
                    limit=limit)
        nothing_was_made(vx)


def names_with_bad_characters_are_refused():
    with Vxd() as vx:
        for name in ("", "-a", ".", "..", "../a", "a/b", "a b", "a\n", "ä", "a\x1b[2J",
                     "a%s", 64 * "x"):
            create_refused(vx, "invalid-params", [], "vm.name", name=name)
        nothing_was_made(vx)
        for name in ("a", "A.b_c-9", 63 * "x"):
            vx.create(name)


def a_name_is_taken_once_in_a_project():
    with Vxd() as vx:
        vx.create("vm")
        e = refused("the same name", "already-exists", ['"vm"', '"default"'], vx.create,
                    "vm")
        expect("object", e.data["object"], "vm")
        expect("exit status of vxctl", vx.ctl(
            "create", "vm", "--kernel", str(vx.kernel), check=False).returncode, 4)
        vx.call("vm.create", project="other", vm=vx.spec("vm"))
        expect("VMs", [v["name"] for v in vx.vms()], ["vm"])


def what_is_not_there_is_not_found():
    with Vxd() as vx:
        nobody = "01234567-89ab-7def-8123-456789abcdef"
        for method in ("vm.get", "vm.start", "vm.stop", "vm.kill", "vm.delete",
                       "console.attach"):
            for ref in ("none", nobody):
                refused(f"{method} {ref}", "not-found", [ref], vx.call, method, vm=ref)
        refused("write", "not-found", [nobody], vx.call, "console.write", id=nobody,
                data="")
        refused("detach", "not-found", [nobody], vx.call, "console.detach", id=nobody)


# -- life of a VM

def a_list_comes_in_pages_by_name():
    with Vxd() as vx:
        names = [f"vm-{i:03}" for i in range(25)]
        for name in reversed(names):
            vx.create(name)
        vx.call("vm.create", project="aaa", vm=vx.spec("vm-000"))
        vx.call("vm.create", project="zzz", vm=vx.spec("vm-000"))
        seen, after, pages = [], {}, 0
        while True:
            page = vx.call("vm.list", limit=10, **after)
            pages += 1
            seen += [v["name"] for v in page["vms"]]
            if not page["more"]:
                break
            after = {"after": seen[-1]}
        expect("the names", seen, names)
        expect("pages", pages, 3)
        page = vx.call("vm.list", limit=25)
        expect("more behind the last", page["more"], False)
        expect("behind the last", vx.call("vm.list", after="zzz")["vms"], [])
        expect("of no project", vx.call("vm.list", project="nope")["vms"], [])
        table = vx.ctl("list").stdout
        expect_in("vxctl list", table, *names)


@needs_kvm
def a_vm_is_created_started_stopped_started_killed_and_deleted():
    with Vxd() as vx:
        vm = vx.create("vm", "print=hello|", labels={"tier": "web"})
        vm_id = vm["definition"]["id"]
        expect("state", vm["state"], "stopped")
        expect("revision", vm["definition"]["revision"], 1)
        expect("labels", vm["definition"]["labels"], {"tier": "web"})
        expect("by id", vx.vm(vm_id)["definition"], vm["definition"])
        for method in ("vm.stop", "vm.kill"):
            refused(method, "conflict", ["is stopped"], vx.call, method, vm="vm")
        vx.ctl("start", "vm")
        vm = vx.vm("vm")
        expect("instance", vm["instance"], 1)
        expect("desired", vm["desired"], "running")
        expect("keepers", vx.keepers(), [vm["pid"]])
        expect("directory", vx.instance_dirs(), [f"{vm_id}/1"])
        refused("start again", "conflict", ["is running"], vx.call, "vm.start", vm="vm")
        refused("delete", "conflict", ["is running"], vx.call, "vm.delete", vm="vm")
        vx.ctl("stop", "vm")
        vm = vx.wait_end("vm", "stop")
        expect("desired", vm["desired"], "stopped")
        expect("its keeper", vm.get("pid"), None)
        vx.ctl("start", "vm")
        expect("instance", vx.vm("vm")["instance"], 2)
        vx.ctl("kill", "vm")
        expect("state", vx.wait_end("vm", "kill")["state"], "stopped")
        vx.wait_no_process()
        vx.wait_no_dir()
        vx.ctl("delete", "vm")
        refused("show", "not-found", ["vm"], vx.vm, "vm")
        expect("definition files", os.listdir(vx.dir / "state" / "definitions"), [])
        vx.create("vm")


def a_protected_vm_is_not_deleted():
    with Vxd() as vx:
        vx.create("vm", protect=True)
        refused("delete", "protected", ["protected"], vx.call, "vm.delete", vm="vm")
        expect("exit status of vxctl", vx.ctl("delete", "vm", check=False).returncode, 4)
        expect("VMs", [v["name"] for v in vx.vms()], ["vm"])


def a_create_with_a_key_is_done_once():
    with Vxd() as vx:
        first = vx.create(words="echo", key="k1")
        again = vx.create(words="echo", key="k1")
        expect("the VM", again["definition"], first["definition"])
        expect("VMs", len(vx.vms()), 1)
        e = refused("another content", "conflict", ["idempotency key"], vx.create,
                    words="deaf", key="k1")
        expect_in("its hint", e.data["hint"], "new key")
        vx.create(words="echo", key="k2")
        vx.stop(signal.SIGKILL)
        vx.start()
        expect("after a restart", vx.create(words="echo", key="k1")["definition"],
               first["definition"])
        vx.call("vm.delete", vm=first["definition"]["name"])
        new = vx.create(words="echo", key="k1")
        if new["definition"]["id"] == first["definition"]["id"]:
            raise Failure("a deleted VM was answered")
        expect("VMs", len(vx.vms()), 2)


@needs_kvm
def changes_of_one_vm_at_the_same_time_are_done_one_by_one():
    with Vxd() as vx:
        vx.create("vm")
        client = vx.client()
        line = b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"vm.start",'
                        b'"params":{"vm":"vm"}}\n' % i for i in range(20))
        client.send_raw(line)
        answers = [client.read_line() for _ in range(20)]
        expect("starts granted", sum("result" in a for a in answers), 1)
        for a in answers:
            if "error" in a:
                expect("the refusal", a["error"]["data"]["name"], "conflict")
        vx.wait_state("vm", "running")
        expect("workers", len(vx.workers()), 1)
        expect("instance", vx.vm("vm")["instance"], 1)


@needs_kvm
def run_gives_the_console_and_the_status_and_leaves_nothing():
    with Vxd() as vx:
        done = vx.ctl("run", "--kernel", str(vx.kernel), "--debug-exit", "--memory", "64M",
                      "--cmdline", "print=hello~world| end=debug-exit:42 after=200",
                      check=False)
        expect("exit status", done.returncode, 42)
        expect_in("the output", done.stdout, "hello world\n")
        expect("VMs", vx.vms(), [])
        done = vx.ctl("run", "--kernel", str(vx.kernel), "--memory", "64M", "--cmdline",
                      "words=lost~it| die=exit:1 when=loading", check=False)
        expect("exit status of a failure", done.returncode, 9)
        expect_in("the message", done.stderr, "lost it")
        expect("VMs", vx.vms(), [])


@needs_kvm
def an_ephemeral_vm_goes_also_when_nobody_reads_its_console():
    with Vxd() as vx:
        vx.create("gone", "end=guest-poweroff", start=True, ephemeral=True)
        wait_until("it is deleted", lambda: not vx.vms(), 15)
        vx.wait_no_process()


@needs_kvm
def a_signal_to_vxctl_run_ends_the_vm():
    with Vxd() as vx:
        run = subprocess.Popen(
            [BUILD / "vxctl", "run", "--socket", vx.socket, "--memory", "64M",
             "--kernel", vx.kernel, "--cmdline", "print=here|"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        expect("the first line", run.stdout.readline(), b"here\n")
        run.send_signal(signal.SIGTERM)
        expect("exit status", run.wait(20), 128 + signal.SIGTERM)
        run.stdout.close()
        wait_until("it is deleted", lambda: not vx.vms(), 10)
        vx.wait_no_process()


# -- events

def take_events(client, until_seq):
    found = []
    while not found or found[-1]["seq"] < until_seq:
        found.append(client.notification("event")["event"])
    return found


@needs_kvm
def events_come_in_order_and_are_taken_up_again_without_gaps():
    with Vxd() as vx:
        live = vx.client()
        expect("newest event", live.call("events.subscribe")["seq"], 0)
        vx.run("vm", "end=guest-poweroff after=100")
        vx.wait_end("vm", "guest-poweroff")
        vx.call("vm.delete", vm="vm")
        wait_until("all is committed",
                   lambda: vx.client().call("events.subscribe")["seq"] >= 5, 10)
        seen = take_events(live, 5)
        expect("what happened", [(e["type"], e.get("state")) for e in seen],
               [("created", None), ("state", "starting"), ("state", "running"),
                ("state", "stopped"), ("deleted", None)])
        expect("their numbers", [e["seq"] for e in seen], [1, 2, 3, 4, 5])
        expect("the reason", seen[3]["reason"], "guest-poweroff")
        expect("who created it", seen[0]["actor"], f"uid:{os.geteuid()}")
        for after in range(6):
            late = vx.client()
            late.call("events.subscribe", after_seq=after)
            expect(f"events behind {after}", take_events(late, 5) if after < 5 else [],
                   seen[after:])
        refused("a future event", "lost", ["newest is 5"], vx.call, "events.subscribe",
                after_seq=6)
        refused("another epoch", "lost", ["epoch is 1"], vx.call, "events.subscribe",
                after_seq=1, db_epoch=2)
        refused("twice", "conflict", ["already"], live.call, "events.subscribe")


def events_of_one_project_can_be_had_alone():
    with Vxd() as vx:
        client = vx.client()
        client.call("events.subscribe", project="mine")
        for i in range(5):
            vx.call("vm.create", project="other", vm=vx.spec(f"vm{i}"))
            vx.call("vm.create", project="mine", vm=vx.spec(f"vm{i}"))
        seen = take_events(client, 10)
        expect("names", [(e["project"], e["name"]) for e in seen],
               [("mine", f"vm{i}") for i in range(5)])


def a_slow_reader_of_events_is_told_and_can_go_on_where_it_was():
    with Vxd() as vx:
        slow = vx.client(60)
        slow.call("events.subscribe")
        maker = vx.client()
        total = 0
        # More than a connection may have unsent, 4 MiB, by events that are long.
        project = {"project": 63 * "p"}
        names = [f"{i:03}" + 60 * "n" for i in range(64)]
        for _ in range(80):
            send_batch(maker, [{"jsonrpc": "2.0", "id": name + 60 * "i",
                                "method": "vm.create",
                                "params": {"vm": vx.spec(name), **project}}
                               for name in names])
            send_batch(maker, [{"jsonrpc": "2.0", "id": name + 60 * "i",
                                "method": "vm.delete",
                                "params": {"vm": name, **project}} for name in names])
            total += 2 * len(names)
        expect("the daemon", vx.call("vm.list")["vms"], [])
        seen, lost = [], None
        while len(seen) < total:
            message = slow.notes.popleft() if slow.notes else slow.read_line()
            if message is None:
                break
            if message["method"] == "events.lost":
                lost = message["params"]["seq"]
                continue
            seen.append(message["params"]["event"]["seq"])
        expect("the numbers", seen, list(range(1, len(seen) + 1)))
        if len(seen) == total:
            raise Failure("it was not too slow: the events are too few")
        # The notice may not fit any more; the end of the connection always does.
        expect("the last event sent", lost, len(seen), None)
        again = vx.client(60)
        again.call("events.subscribe", after_seq=len(seen))
        rest = take_events(again, total)
        expect("the rest", [e["seq"] for e in rest],
               list(range(len(seen) + 1, total + 1)))


def send_batch(client, batch):
    client.send_raw(json.dumps(batch).encode() + b"\n")
    answers = client.read_line()
    for answer in answers:
        if "error" in answer:
            raise Failure(f"refused: {answer}")


# -- consoles

@needs_kvm
def a_console_gives_its_history_or_leaves_it_out():
    with Vxd() as vx:
        vx.run("vm", "print=first~line| echo")
        one, two = Reader(vx.client(), "vm"), Reader(vx.client(), "vm", history=False)
        one.until(b"first line\n")
        one.type(b"typed\n")
        one.until(b"typed\n")
        two.until(b"typed\n")
        expect("without history", two.text, b"typed\n")
        two.type(b"by two\n")
        one.until(b"by two\n")
        expect("all of it", one.text, b"first line\ntyped\nby two\n")
        one.client.call("console.detach", id=one.id)
        two.type(b"again\n")
        two.until(b"again\n")
        time.sleep(0.1)
        vx.call("vm.stop", vm="vm")
        two.until_end()
        expect("the end", two.end["reason"], "stop")
        expect("after detach", one.text, b"first line\ntyped\nby two\n")
        late = Reader(vx.client(), "vm")
        late.until_end()
        expect("what it printed last", late.text,
               b"first line\ntyped\nby two\nagain\n")
        refused("typing", "conflict", ["is stopped"], late.type, b"x")
        refused("detach twice", "not-found", ["does not follow"], one.client.call,
                "console.detach", id=one.id)


@needs_kvm
def every_byte_comes_through_a_console():
    with Vxd() as vx:
        vx.run("vm", "echo")
        data = bytes(range(256)) * 40
        reader = Reader(vx.client(), "vm")
        for at in range(0, len(data), 8192):
            reader.type(data[at:at + 8192])
        reader.until(data)
        expect("the bytes", reader.text, data)
        refused("not base64", "invalid-params", ["data"], vx.call, "console.write",
                id=reader.id, data="???")


@needs_kvm
def a_flood_reaches_a_slow_reader_with_what_is_lost_counted():
    with Vxd() as vx:
        kib = 16 * 1024
        vx.run("vm", f"flood={kib} end=guest-poweroff after=4000")
        slow, fast = Reader(vx.client(), "vm"), Reader(vx.client(), "vm")
        fast.until_end(40)
        expect("of the fast one", len(fast.text) + fast.lost, kib * 1024)
        slow.until_end(40)
        for reader in (fast, slow):
            reader.check_places()
            expect("bytes read and lost", len(reader.text) + reader.lost, kib * 1024)
            expect("the last line", reader.text[-16:],
                   b"flood %09d\n" % (kib * 64 - 1))
            for offset, _, data in reader.pieces:
                first = -offset % 16
                line = data[first:first + 16]
                if len(line) == 16:
                    expect(f"the line at {offset}", line,
                           b"flood %09d\n" % ((offset + first) // 16))
        if not slow.lost:
            raise Failure("the slow reader lost nothing: the flood is too small")
        expect("other calls meanwhile", vx.call("vm.list")["more"], False)


@needs_kvm
def a_console_whose_head_jumps_harms_nobody():
    with Vxd() as vx:
        vx.run("wild", "wild print=hello")
        reader = Reader(vx.client(), "wild")
        for _ in range(3):
            reader.read_one()
            expect("an offset", reader.pieces[-1][0] < 2 ** 53, True)
        vx.run("good", "print=good")
        Reader(vx.client(), "good").until(b"good")
        vx.call("vm.stop", vm="wild")
        vx.wait_end("wild", "stop")
        reader.until_end()


@needs_kvm
def the_console_of_a_vm_that_never_ran_ends_at_once():
    with Vxd() as vx:
        vx.create("vm")
        reader = Reader(vx.client(), "vm")
        reader.until_end()
        expect("the end", reader.end, {})
        vx.create("hung", "hang", start=True)
        Reader(vx.client(), "hung")
        vx.call("vm.kill", vm="hung")
        vx.wait_end("hung", "kill")


if __name__ == "__main__":
    sys.exit(run_together([
        a_slow_reader_of_events_is_told_and_can_go_on_where_it_was,
        a_flood_reaches_a_slow_reader_with_what_is_lost_counted,
        a_kernel_that_is_not_there_is_named,
        a_kernel_that_is_no_regular_file_is_refused_at_once,
        a_kernel_path_must_be_absolute,
        more_memory_than_the_host_has_is_refused,
        memory_is_promised_once,
        memory_is_a_multiple_of_the_page_size,
        unknown_fields_are_refused,
        wrong_types_are_refused,
        numbers_out_of_range_are_refused,
        names_with_bad_characters_are_refused,
        a_name_is_taken_once_in_a_project,
        what_is_not_there_is_not_found,
        a_list_comes_in_pages_by_name,
        a_vm_is_created_started_stopped_started_killed_and_deleted,
        a_protected_vm_is_not_deleted,
        a_create_with_a_key_is_done_once,
        changes_of_one_vm_at_the_same_time_are_done_one_by_one,
        run_gives_the_console_and_the_status_and_leaves_nothing,
        an_ephemeral_vm_goes_also_when_nobody_reads_its_console,
        a_signal_to_vxctl_run_ends_the_vm,
        events_come_in_order_and_are_taken_up_again_without_gaps,
        events_of_one_project_can_be_had_alone,
        a_console_gives_its_history_or_leaves_it_out,
        every_byte_comes_through_a_console,
        a_console_whose_head_jumps_harms_nobody,
        the_console_of_a_vm_that_never_ran_ends_at_once,
    ]))
