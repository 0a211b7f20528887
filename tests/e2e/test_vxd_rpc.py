#!/usr/bin/env python3
"""JSON-RPC 2.0 as vxd speaks it: batches, notifications, ids, errors, limits, crowds."""
import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fake import (SRC, Client, Failure, Vxd, expect, expect_in,  # noqa: E402
                  needs_kvm, run_together)

LINE_MAX = 1024 * 1024
DEPTH_MAX = 32
BATCH_MAX = 128
CONNS_MAX = 512


def request(method="system.version", request_id=1, **params):
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def ask(client, message):
    """Send any JSON or raw bytes as a line: the line that answers it."""
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    client.send_raw(data + b"\n")
    return client.read_line(20)


def error_of(answer, code, request_id=None):
    expect("version", answer["jsonrpc"], "2.0")
    expect(f"id of {answer}", answer["id"], request_id)
    expect(f"code of {answer}", answer["error"]["code"], code)
    return answer["error"]


def the_standard_errors_are_the_standards():
    with Vxd() as vx, vx.client() as c:
        for text in (b"{", b"nonsense", b'{"jsonrpc":"2.0","id":1', b"\xff\xfe", b"[1,",
                     b"{'a':1}", b"[01]", b"\0"):
            error_of(ask(c, text), -32700)
        for text in (b'{"a":1e999}', b'["\\u0000"]', b'"\\ud800"'):
            expect(f"error for {text}", ask(c, text)["error"]["code"], -32700, -32600)
        for message in ({}, 1, "x", None, True, {"jsonrpc": "1.0", "id": 1},
                        {"jsonrpc": "2.0", "id": 1}, {"id": 1, "method": "vm.list"},
                        {"jsonrpc": "2.0", "method": 1, "id": 1},
                        {"jsonrpc": 2.0, "method": "vm.list", "id": 1}):
            answer = ask(c, message)
            expect(f"code of {answer}", answer["error"]["code"], -32600)
        for bad_id in ({}, [], True):
            error_of(ask(c, request(request_id=bad_id)), -32600)
        e = error_of(ask(c, request("vm.levitate")), -32601, 1)
        expect("name", e["data"]["name"], "method-not-found")
        expect_in("message", e["message"], "vm.levitate")
        e = error_of(ask(c, request("vm.get")), -32602, 1)
        expect("path", e["data"]["path"], "vm")
        answer = ask(c, {"jsonrpc": "2.0", "id": 1, "method": "vm.get", "params": ["x"]})
        error_of(answer, -32602, 1)
        e = error_of(ask(c, request("vm.get", vm="nobody")), -1001, 1)
        expect("name", e["data"]["name"], "not-found")
        expect("still served", "result" in ask(c, request()), True)


def a_key_that_appears_twice_is_refused():
    with Vxd() as vx, vx.client() as c:
        answer = ask(c, b'{"jsonrpc":"2.0","id":1,"id":2,"method":"system.version"}')
        expect("the code", answer["error"]["code"], -32600, -32700)


def an_id_of_any_type_comes_back_as_it_was():
    with Vxd() as vx, vx.client() as c:
        for value in (0, 1, -1, 2 ** 53, -2 ** 63, "", "a", "0", "\u00e4\u2603", 1.5,
                      "x" * 100, "\n\t\"\\"):
            answer = ask(c, request(request_id=value))
            expect("the id", answer["id"], value)
            expect("its type", type(answer["id"]), type(value))
            expect("an answer", "result" in answer, True)
        answer = ask(c, {"jsonrpc": "2.0", "id": None, "method": "system.version"})
        expect("the id", answer["id"], None)
        error_of(ask(c, request(request_id=5000 * "x")), -32600)


def notifications_are_obeyed_and_not_answered():
    with Vxd() as vx, vx.client() as c:
        note = {"jsonrpc": "2.0", "method": "vm.create",
                "params": {"vm": vx.spec("by-note")}}
        c.send_raw(json.dumps(note).encode() + b"\n")
        for bad in ({"jsonrpc": "2.0", "method": "vm.levitate"},
                    {"jsonrpc": "2.0", "method": "vm.get"},
                    {"jsonrpc": "2.0", "method": "vm.get", "params": {"vm": "none"}}):
            c.send_raw(json.dumps(bad).encode() + b"\n")
        expect("the next answer", ask(c, request(request_id=7))["id"], 7)
        expect("the VM", [v["name"] for v in vx.vms()], ["by-note"])


def a_batch_is_answered_in_one_line_in_its_order():
    with Vxd() as vx, vx.client() as c:
        batch = [request("vm.create", "a", vm=vx.spec("one")),
                 {"jsonrpc": "2.0", "method": "system.version"},
                 1,
                 request("vm.get", "b", vm="one"),
                 request("vm.levitate", "c"),
                 request("vm.create", "d", vm=vx.spec("one")),
                 request("vm.list", "e")]
        answer = ask(c, batch)
        expect("the ids", [a["id"] for a in answer], ["a", None, "b", "c", "d", "e"])
        expect("the errors", [a.get("error", {}).get("code") for a in answer],
               [None, -32600, None, -32601, -1002, None])
        error_of(ask(c, []), -32600)
        c.send_raw(b'[{"jsonrpc":"2.0","method":"system.version"}]\n')
        expect("the next answer", ask(c, request(request_id=3))["id"], 3)
        answer = ask(c, BATCH_MAX * [request()])
        expect("answers", len(answer), BATCH_MAX)
        error_of(ask(c, (BATCH_MAX + 1) * [request()]), -32600)
        error_of(ask(c, [[request()]])[0], -32600)


def discover_describes_every_method_of_the_schema():
    with Vxd() as vx:
        api = json.loads((SRC / "schema" / "api.json").read_text(encoding="utf-8"))
        doc = vx.call("rpc.discover")
        expect_in("its version", doc["openrpc"], "1.")
        expect("its title", bool(doc["info"]["title"] and doc["info"]["version"]), True)
        listed = {m["name"]: m for m in doc["methods"]}
        for method in api["methods"]:
            name = method["method"]
            if method.get("builtin"):
                continue
            expect(f"{name} is listed", name in listed, True)
            params = {p["name"] for p in listed[name]["params"]}
            expect(f"parameters of {name}", params, set(method["params"]))
            expect(f"result of {name}", "result" in listed[name], True)
        check_references(doc)


def check_references(doc):
    def walk(value):
        if isinstance(value, dict):
            ref = value.get("$ref")
            if isinstance(ref, str):
                place = doc
                for part in ref.removeprefix("#/").split("/"):
                    if part not in place:
                        raise Failure(f"{ref} leads nowhere")
                    place = place[part]
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)
    walk(doc)


def version_is_that_of_the_daemon():
    with Vxd() as vx:
        version = vx.call("system.version")
        expect("pid", version["pid"], vx.daemon.pid)
        expect("mode", version["mode"], "session")
        expect("epoch", version["db_epoch"], 1)
        identity = json.loads((vx.dir / "state" / "identity.json").read_text())
        expect("database", version["db_id"], identity["db_id"])


def a_line_that_is_too_long_ends_its_connection_only():
    with Vxd() as vx, vx.client() as c, vx.client() as other:
        fits = json.dumps(request("vm.get", vm="x")).encode()
        fits += b" " * (LINE_MAX - len(fits))
        expect("a line that fits", ask(c, fits)["error"]["code"], -1001)
        try:
            c.send_raw(b"x" * (LINE_MAX + 1000))
            answer = c.read_line(10)
        except (BrokenPipeError, ConnectionResetError):
            answer = None
        if answer:
            error_of(answer, -32600)
            expect("end of the connection", c.read_line(15), None)
        expect("the other", "result" in ask(other, request()), True)


def json_that_is_too_deep_is_refused():
    with Vxd() as vx, vx.client() as c:
        for depth in (DEPTH_MAX + 1, 1000, 100_000):
            error_of(ask(c, b"[" * depth + b"]" * depth), -32600)
            deep = b'{"a":' * depth + b"1" + b"}" * depth
            error_of(ask(c, deep), -32600)
        expect("still served", "result" in ask(c, request()), True)


def calls_in_flight_are_limited_and_each_is_answered():
    with Vxd() as vx, vx.client() as c:
        n = 2000
        lines = b"".join(json.dumps(request("vm.create", i, vm=vx.spec(f"vm{i}")))
                         .encode() + b"\n" for i in range(n))
        c.socket.settimeout(60)
        sender = threading.Thread(target=c.send_raw, args=(lines,))
        sender.start()
        answers = [c.read_line() for _ in range(n)]
        sender.join()
        expect("the ids", sorted(a["id"] for a in answers), list(range(n)))
        good = sum("result" in a for a in answers)
        for a in answers:
            if "error" in a:
                expect("a refusal", a["error"]["data"]["name"], "no-capacity")
        page = vx.call("vm.list", limit=1000)
        count = len(page["vms"])
        while page["more"]:
            page = vx.call("vm.list", limit=1000, after=page["vms"][-1]["name"])
            count += len(page["vms"])
        expect("VMs", count, good)


def lines_may_come_in_pieces_and_together():
    with Vxd() as vx, vx.client() as c:
        line = json.dumps(request("system.version", "slow")).encode() + b"\n"
        for i in range(len(line)):
            c.send_raw(line[i:i + 1])
            if i % 20 == 0:
                time.sleep(0.005)
        expect("in pieces", c.read_line(5)["id"], "slow")
        c.send_raw(b"".join(json.dumps(request(request_id=i)).encode() + b"\r\n"
                            for i in range(100)))
        expect("together", [c.read_line(5)["id"] for _ in range(100)], list(range(100)))


def a_client_that_shuts_its_side_still_gets_its_answers():
    with Vxd() as vx, vx.client() as c:
        c.send_raw(json.dumps(request("vm.create", 1, vm=vx.spec("vm"))).encode()
                   + b"\n" + json.dumps(request("vm.list", 2)).encode() + b"\n")
        c.socket.shutdown(socket.SHUT_WR)
        expect("ids", sorted(c.read_line(10)["id"] for _ in range(2)), [1, 2])
        expect("the end", c.read_line(10), None)


def what_a_client_asked_for_is_done_though_it_left():
    with Vxd() as vx:
        for i in range(50):
            c = vx.client()
            c.send_raw(json.dumps(request("vm.create", 1, vm=vx.spec(f"vm{i}"))).encode()
                       + b"\n")
            c.close()
        end = time.monotonic() + 10
        while len(vx.vms()) < 50:
            if time.monotonic() > end:
                raise Failure(f"{len(vx.vms())} of 50 VMs were made")
            time.sleep(0.02)


def two_hundred_clients_are_served_at_once():
    with Vxd() as vx:
        clients = [vx.client() for _ in range(200)]
        for c in clients:
            c.call("events.subscribe")
        for i, c in enumerate(clients):
            c.send_raw(json.dumps(request("vm.create", "mine", vm=vx.spec(f"vm{i}")))
                       .encode() + b"\n")
        for c in clients:
            seen, answered = [], False
            while len(seen) < 200 or not answered:
                message = c.read_line(30)
                if message.get("id") == "mine":
                    answered = True
                    expect("an answer", "result" in message, True)
                elif message.get("method") == "event":
                    seen.append(message["params"]["event"]["seq"])
            expect("events", seen, list(range(1, 201)))
        expect("VMs", len(vx.vms()), 200)


def more_connections_than_allowed_wait_or_are_refused_and_harm_nobody():
    with Vxd() as vx:
        first = vx.client()
        crowd = []
        for _ in range(CONNS_MAX + 50):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(2)
            try:
                s.connect(str(vx.socket))
            except OSError:
                s.close()
                break
            crowd.append(s)
        expect("the first", "result" in ask(first, request()), True)
        for s in crowd:
            s.close()
        time.sleep(0.2)
        expect("a new one", vx.call("system.version")["pid"], vx.daemon.pid)


@needs_kvm
def one_client_that_does_not_read_stops_nobody():
    with Vxd() as vx:
        lazy = vx.client()
        vx.run("vm", "flood=65536")
        lazy.call("console.attach", vm="vm")
        lazy.call("events.subscribe")
        started = time.monotonic()
        for i in range(200):
            vx.create(f"other{i}")
        took = time.monotonic() - started
        if took > 20:
            raise Failure(f"200 VMs took {took:.1f} s")


if __name__ == "__main__":
    sys.exit(run_together([
        the_standard_errors_are_the_standards,
        a_key_that_appears_twice_is_refused,
        an_id_of_any_type_comes_back_as_it_was,
        notifications_are_obeyed_and_not_answered,
        a_batch_is_answered_in_one_line_in_its_order,
        discover_describes_every_method_of_the_schema,
        version_is_that_of_the_daemon,
        a_line_that_is_too_long_ends_its_connection_only,
        json_that_is_too_deep_is_refused,
        calls_in_flight_are_limited_and_each_is_answered,
        lines_may_come_in_pieces_and_together,
        a_client_that_shuts_its_side_still_gets_its_answers,
        what_a_client_asked_for_is_done_though_it_left,
        two_hundred_clients_are_served_at_once,
        more_connections_than_allowed_wait_or_are_refused_and_harm_nobody,
        one_client_that_does_not_read_stops_nobody,
    ]))
