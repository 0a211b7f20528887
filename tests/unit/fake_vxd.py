"""A vxd that tests of vxctl can script: the API's shapes, and nothing behind them.

A VM's command line says how its guest behaves, in words: `print=TEXT` on its console,
`end=REASON[:STATUS]` as soon as it runs, `echo` sends back what is typed, `deaf` ignores
the power button, `busy=N` refuses the first N console writes, `fail=TEXT` does not start.
"""
import base64
import itertools
import json
import re
import socket
import threading
import time

ERRORS = {"not-found": -1001, "already-exists": -1002, "conflict": -1003,
          "no-capacity": -1005, "invalid-params": -32602, "method-not-found": -32601}
PAGE = 3  # VMs in a page of vm.list, so that a few make several pages


class ApiError(Exception):
    def __init__(self, name, message, **data):
        super().__init__(message)
        self.code, self.data = ERRORS[name], {"name": name, **data}


def now_us():
    return time.time_ns() // 1000


def new_id(n):
    return f"01900000-0000-7000-8000-{n:012x}"


class Vm:
    def __init__(self, n, spec, project):
        spec = dict(spec)
        self.definition = {
            "schema_version": 1, "id": new_id(n), "uuid": new_id(n), "revision": 1,
            "project": project, "name": spec.pop("name", None) or f"vm-{n}",
            "created_us": now_us(), "updated_us": now_us(), "protect": False,
            "machine": "pv-1", "cpus": 1, "memory": 268435456, "debug_exit": False,
            "on_reboot": "restart", "ephemeral": False, **spec}
        self.definition["boot"] = {"protocol": "auto", **self.definition["boot"]}
        self.state, self.desired, self.instance, self.end = "stopped", "stopped", 0, None
        self.console = b""
        self.watchers = []
        self.words = {}
        for word in self.definition["boot"].get("cmdline", "").split():
            key, _, value = word.partition("=")
            self.words[key] = value
        self.busy = int(self.words.get("busy", 0))

    def view(self):
        out = {"definition": self.definition, "state": self.state,
               "desired": self.desired, "instance": self.instance,
               "since_us": now_us()}
        if self.end:
            out["end"] = self.end
        return out

    def summary(self):
        d = self.definition
        return {"id": d["id"], "project": d["project"], "name": d["name"],
                "machine": "pv-1", "state": self.state, "cpus": d["cpus"],
                "memory": d["memory"], "since_us": now_us(),
                "reason": self.end["reason"] if self.end else "none"}


class FakeVxd:
    """Serves `path` from threads of its own until close()."""

    def __init__(self, path):
        self.lock = threading.RLock()
        self.vms, self.events, self.subscribers = {}, [], []
        self.calls = []  # (method, params) in order
        self.ids = itertools.count(1)
        self.attach_gone = False  # VMs are gone when their console is asked for
        self.hang_up_on = None  # method that ends the connection
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn, conn.makefile("rb") as lines:
            for line in lines:
                request = json.loads(line)
                with self.lock:
                    try:
                        if not self._answer(conn, request):
                            return
                    except OSError:
                        return

    def _answer(self, conn, request):
        method, params = request["method"], request.get("params", {})
        self.calls.append((method, params))
        if method == self.hang_up_on:
            return False
        after = []
        handler = getattr(self, "do_" + method.replace(".", "_"), None)
        try:
            if not handler:
                raise ApiError("method-not-found", f"no method {method}")
            reply = {"result": handler(conn, params, after)}
        except ApiError as e:
            reply = {"error": {"code": e.code, "message": str(e), "data": e.data}}
        self._send(conn, {"jsonrpc": "2.0", "id": request["id"], **reply})
        for step in after:
            step()
        return True

    def _send(self, conn, message):
        conn.sendall(json.dumps(message).encode() + b"\n")

    def note(self, conn, method, params):
        try:
            self._send(conn, {"jsonrpc": "2.0", "method": method, "params": params})
        except OSError:
            pass

    def event(self, vm, kind, reason="none", **more):
        d = vm.definition
        event = {"db_epoch": 1, "seq": len(self.events) + 1, "time_us": now_us(),
                 "project": d["project"], "kind": "vm", "id": d["id"],
                 "name": d["name"], "revision": 1, "type": kind, "reason": reason,
                 "actor": "uid:0", **more}
        self.events.append(event)
        for conn in self.subscribers:
            self.note(conn, "event", {"event": event})

    def set_state(self, vm, state, reason="none", **more):
        vm.state = state
        self.event(vm, "state", reason, state=state, **more)

    def find(self, params):
        for vm in self.vms.values():
            if params["vm"] in (vm.definition["id"], vm.definition["name"]):
                return vm
        raise ApiError("not-found", f"there is no VM {params['vm']}",
                       hint="vxctl list shows them")

    def console_output(self, vm, data):
        offset = len(vm.console)
        vm.console += data
        for conn in vm.watchers:
            self.note(conn, "console.output", self._output(vm, offset, data))

    def _output(self, vm, offset, data):
        return {"id": vm.definition["id"], "offset": offset,
                "data": base64.b64encode(data).decode()}

    def end_vm(self, vm, reason, status=0, detail=None, last_words=None):
        if vm.state in ("stopped", "failed"):
            return
        vm.end = {"reason": reason, "status": status, "time_us": now_us()}
        more = {"detail": detail} if detail else {}
        vm.end.update(more)
        if last_words:
            vm.end["last_words"] = last_words
        good = reason in ("stop", "kill", "guest-poweroff", "guest-reset", "debug-exit")
        self.set_state(vm, "stopped" if good else "failed", reason, **more)
        for conn in vm.watchers:
            self.note(conn, "console.end", {"id": vm.definition["id"], "end": vm.end})
        vm.watchers = []
        if vm.definition["ephemeral"]:
            del self.vms[vm.definition["id"]]
            self.event(vm, "deleted")

    def run_guest(self, vm):
        """What happens once a start was answered."""
        with self.lock:
            if "fail" in vm.words:
                self.end_vm(vm, "start-failed", detail=vm.words["fail"],
                            last_words="vx-vmm: first?[31m\nvx-vmm: second\n")
                return
            self.set_state(vm, "running")
            if "print" in vm.words:
                self.console_output(vm, vm.words["print"].encode() + b"\n")
        if "end" in vm.words:
            reason, _, status = vm.words["end"].partition(":")
            time.sleep(0.05)
            with self.lock:
                self.end_vm(vm, reason, int(status or 0))

    def start(self, vm, after):
        vm.instance += 1
        vm.desired, vm.end = "running", None
        self.set_state(vm, "starting")
        after.append(lambda: threading.Thread(target=self.run_guest, args=(vm,),
                                              daemon=True).start())

    def do_system_version(self, conn, params, after):
        return {"version": "9.9.9", "mode": "session", "pid": 4711,
                "db_id": new_id(0), "db_epoch": 3}

    def do_vm_create(self, conn, params, after):
        spec = params["vm"]
        for vm in self.vms.values():
            if vm.definition["name"] == spec.get("name"):
                raise ApiError("already-exists", f"there is a VM {spec['name']} already")
        if not 1 <= spec.get("cpus", 1) <= 254:
            raise ApiError("invalid-params", "cpus must be 1 to 254", path="vm.cpus")
        vm = Vm(next(self.ids), spec, params.get("project", "default"))
        self.vms[vm.definition["id"]] = vm
        self.event(vm, "created")
        if params.get("start"):
            self.start(vm, after)
        return {"vm": vm.view()}

    def do_vm_get(self, conn, params, after):
        return {"vm": self.find(params).view()}

    def do_vm_list(self, conn, params, after):
        vms = sorted(self.vms.values(), key=lambda v: v.definition["name"])
        vms = [v.summary() for v in vms
               if v.definition["name"] > params.get("after", "")]
        return {"vms": vms[:PAGE], "more": len(vms) > PAGE}

    def do_vm_start(self, conn, params, after):
        vm = self.find(params)
        if vm.state not in ("stopped", "failed"):
            raise ApiError("conflict", f"{vm.definition['name']} is {vm.state}")
        self.start(vm, after)
        return {"vm": vm.view()}

    def do_vm_stop(self, conn, params, after):
        vm = self.find(params)
        if vm.state != "running":
            raise ApiError("conflict", f"{vm.definition['name']} is {vm.state}")
        self.set_state(vm, "stopping")

        def obey():
            time.sleep(0.05)
            with self.lock:
                if "deaf" not in vm.words:
                    self.end_vm(vm, "stop")
                elif params.get("then_kill"):
                    self.end_vm(vm, "kill")
                else:
                    self.set_state(vm, "running")
        after.append(lambda: threading.Thread(target=obey, daemon=True).start())
        return {"vm": vm.view()}

    def do_vm_pause(self, conn, params, after):
        vm = self.find(params)
        if vm.state != "running":
            raise ApiError("conflict", f"{vm.definition['name']} is {vm.state}")
        self.set_state(vm, "paused")
        return {}

    def do_vm_resume(self, conn, params, after):
        vm = self.find(params)
        if vm.state != "paused":
            raise ApiError("conflict", f"{vm.definition['name']} is {vm.state}")
        self.set_state(vm, "running")
        return {}

    def do_vm_kill(self, conn, params, after):
        vm = self.find(params)
        if vm.state in ("stopped", "failed"):
            raise ApiError("conflict", f"{vm.definition['name']} is {vm.state}")
        after.append(lambda: self.end_vm(vm, "kill"))
        return {"vm": vm.view()}

    def do_vm_delete(self, conn, params, after):
        vm = self.find(params)
        if vm.state not in ("stopped", "failed"):
            raise ApiError("conflict", f"{vm.definition['name']} is {vm.state}",
                           hint="stop it first")
        del self.vms[vm.definition["id"]]
        self.event(vm, "deleted")
        return {}

    def do_console_attach(self, conn, params, after):
        if self.attach_gone:
            raise ApiError("not-found", "it is gone")
        vm = self.find(params)
        if params.get("history", True) and vm.console:
            after.append(lambda data=vm.console: self.note(
                conn, "console.output", self._output(vm, 0, data)))
        if vm.state in ("stopped", "failed"):
            end = {"id": vm.definition["id"], **({"end": vm.end} if vm.end else {})}
            after.append(lambda: self.note(conn, "console.end", end))
        else:
            vm.watchers.append(conn)
        return {"id": vm.definition["id"]}

    def do_console_write(self, conn, params, after):
        vm = self.find({"vm": params["id"]})
        data = base64.b64decode(params["data"])
        if vm.busy:
            vm.busy -= 1
            raise ApiError("no-capacity", "the guest does not read")
        if "echo" in vm.words:
            after.append(lambda: self.console_output(vm, b"<" + data + b">"))
            if re.search(rb"quit\n", data):
                after.append(lambda: self.end_vm(vm, "guest-poweroff"))
        return {}

    def do_events_subscribe(self, conn, params, after):
        self.subscribers.append(conn)
        for event in self.events[params.get("after_seq", len(self.events)):]:
            after.append(lambda event=event: self.note(conn, "event", {"event": event}))
        return {"db_epoch": 1, "seq": len(self.events)}
