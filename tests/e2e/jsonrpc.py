"""Newline-delimited JSON-RPC 2.0 over a Unix socket, for tests and benchmarks."""
import collections
import json
import select
import socket
import time


class RpcError(Exception):
    """The server's error object."""

    def __init__(self, error):
        super().__init__(error.get("message"))
        self.code = error.get("code")
        self.data = error.get("data") or {}
        self.name = self.data.get("name")


class Client:
    """One connection. Notifications that arrive during a call are kept in order."""

    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # With a timeout it would not wait while many others connect, but fail.
        self.socket.connect(str(path))
        self.socket.settimeout(timeout)
        self.timeout = timeout
        self.buffer = b""
        self.notes = collections.deque()
        self.last_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def read_line(self, timeout=None):
        """One message as parsed JSON; None at end of file; TimeoutError."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while b"\n" not in self.buffer:
            left = max(0.0, end - time.monotonic())
            if not select.select([self.socket], [], [], left)[0]:
                raise TimeoutError("no answer")
            data = self.socket.recv(1 << 20)
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def call(self, method, **params):
        self.last_id += 1
        request = {"jsonrpc": "2.0", "id": self.last_id, "method": method,
                   "params": params}
        self.send_raw(json.dumps(request).encode() + b"\n")
        while True:
            message = self.read_line()
            if message is None:
                raise ConnectionError("the server hung up")
            if message.get("id") != self.last_id:
                self.notes.append(message)
                continue
            if "error" in message:
                raise RpcError(message["error"])
            return message["result"]

    def notification(self, method=None, timeout=30):
        """The next notification (of that method): its parameters."""
        end = time.monotonic() + timeout
        while True:
            if self.notes:
                message = self.notes.popleft()
            else:
                message = self.read_line(max(0.0, end - time.monotonic()))
            if message is None:
                raise ConnectionError("the server hung up")
            if method in (None, message.get("method")):
                return message["params"]
