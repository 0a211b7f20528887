#!/usr/bin/env python3
"""vm.update and vxctl set: definitions that change."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake import (MIB, Vxd, expect, expect_in, needs_kvm, refused,  # noqa: E402
                  run_together, wait_until)


def definition(vx, name):
    return vx.vm(name)["definition"]


def what_is_given_changes_and_the_rest_stays():
    with Vxd() as vx:
        vx.create("vm", "one two", labels={"a": "1", "b": "2"})
        before = definition(vx, "vm")
        vx.call("vm.update", vm="vm", change={
            "cpus": 3, "labels": {"b": "3", "c": "4"}, "boot": {"cmdline": "three"}})
        after = definition(vx, "vm")
        want = {**before, "cpus": 3, "labels": {"a": "1", "b": "3", "c": "4"},
                "boot": {**before["boot"], "cmdline": "three"}, "revision": 2,
                "updated_us": after["updated_us"]}
        expect("the definition", after, want)
        expect("the event", [(e["type"], e["revision"]) for e in vx.events()],
               [("created", 1), ("updated", 2)])
        vx.stop()
        vx.start()
        expect("after a restart of vxd", definition(vx, "vm"), want)


def a_new_name_is_found_and_the_old_one_is_free():
    with Vxd() as vx:
        for name in ("a", "b", "c"):
            vx.create(name)
        number = definition(vx, "b")["id"]
        expect("what set says", vx.ctl("set", "b", "--rename", "z").stdout, "z: revision 2\n")
        expect("the list", [v["name"] for v in vx.vms()], ["a", "c", "z"])
        expect("its id", definition(vx, "z")["id"], number)
        refused("the old name", "not-found", ["b"], vx.call, "vm.get", vm="b")
        vx.create("b")
        refused("a name in use", "already-exists", ['"a"'], vx.call, "vm.update", vm="b",
                change={"name": "a"})
        vx.call("vm.update", vm="b", change={"name": "b"})
        for name in ("a", "b", "c", "z"):
            vx.call("vm.delete", vm=name)


def what_does_not_fit_is_refused_and_nothing_changes():
    with Vxd() as vx:
        vx.create("vm", ephemeral=True)
        before = definition(vx, "vm")
        for change, parts in (({"memory": 64 * MIB + 1}, ["change.memory", "4096"]),
                              ({"cpus": 0}, ["change.cpus"]),
                              ({"restart": "always"}, ["change.restart"]),
                              ({"boot": {"kernel": "relative"}}, ["change.boot.kernel"]),
                              ({"colour": "red"}, ["change.colour"])):
            refused(str(change), "invalid-params", parts, vx.call, "vm.update", vm="vm",
                    change=change)
        refused("too much memory", "no-capacity", ["memory"], vx.call, "vm.update", vm="vm",
                change={"memory": 1 << 40})
        labels = {f"k{i}": "v" for i in range(64)}
        vx.call("vm.update", vm="vm", change={"labels": labels})
        refused("one label more", "invalid-params", ["labels", "64"], vx.call, "vm.update",
                vm="vm", change={"labels": {"more": "v"}})
        expect("the definition", definition(vx, "vm"),
               {**before, "labels": labels, "revision": 2,
                "updated_us": definition(vx, "vm")["updated_us"]})


def a_change_of_what_somebody_else_has_changed_is_refused():
    with Vxd() as vx:
        vx.create("vm")
        vx.call("vm.update", vm="vm", revision=1, change={"cpus": 2})
        refused("an old revision", "conflict", ["revision is 2, not 1"], vx.call,
                "vm.update", vm="vm", revision=1, change={"cpus": 3})
        done = vx.ctl("set", "vm", "--cpus", "3", "--revision", "1", check=False)
        expect("its status", done.returncode, 4)
        vx.ctl("set", "vm", "--cpus", "3", "--revision", "2")
        expect("its CPUs", definition(vx, "vm")["cpus"], 3)


@needs_kvm
def a_running_vm_keeps_its_machine_and_takes_the_rest():
    with Vxd() as vx:
        vx.run("vm")
        refused("more memory", "conflict", ["running"], vx.call, "vm.update", vm="vm",
                change={"memory": 128 * MIB})
        vx.call("vm.update", vm="vm", change={"name": "new", "protect": True})
        expect("its state", vx.state("new"), "running")
        vx.call("vm.stop", vm="new")
        vx.wait_end("new", "stop")
        refused("delete", "protected", ["new"], vx.call, "vm.delete", vm="new")
        vx.ctl("set", "new", "--protect", "no", "--memory", "128M", "--kernel",
               str(vx.kernel))
        out = json.loads(vx.ctl("show", "new", "-o", "json").stdout)["vm"]["definition"]
        expect("its memory", out["memory"], 128 * MIB)
        vx.call("vm.delete", vm="new")


@needs_kvm
def a_policy_taken_back_takes_back_the_restart():
    with Vxd() as vx:
        vx.create("bad", "die=exit:3 when=running", start=True, restart="on-failure")
        wait_until("it waits", lambda: "restart_us" in vx.vm("bad"), 10)
        number = vx.vm("bad")["instance"]
        vx.call("vm.update", vm="bad", change={"restart": "never"})
        expect("a time", "restart_us" in vx.vm("bad"), False)
        time.sleep(2.5)
        expect("its instance", vx.vm("bad")["instance"], number)


def set_says_what_is_wrong_with_its_options():
    with Vxd() as vx:
        vx.create("vm")
        for args, part in ((("--protect", "maybe"), "neither yes nor no"),
                           (("--memory", "lots"), "lots"),
                           (("--restart", "often"), "never, on-failure, always")):
            done = vx.ctl("set", "vm", *args, check=False)
            expect(f"status of {args}", done.returncode, 2)
            expect_in(str(args), done.stderr, part)


if __name__ == "__main__":
    sys.exit(run_together([
        what_is_given_changes_and_the_rest_stays,
        a_new_name_is_found_and_the_old_one_is_free,
        what_does_not_fit_is_refused_and_nothing_changes,
        a_change_of_what_somebody_else_has_changed_is_refused,
        a_running_vm_keeps_its_machine_and_takes_the_rest,
        a_policy_taken_back_takes_back_the_restart,
        set_says_what_is_wrong_with_its_options,
    ]))
