"""The supervisor's two sockets: where root gives orders, and where masters say that they are ready.

Orders: ``/run/gunicorn/supervisor``, for root only, one JSON object a line each way, a connection
per order. An answer may come much later (a stop waits for the slowest request), so a connection is
kept as a ``Caller`` until the supervisor answers it. Nothing here blocks: a caller that sends
nothing or reads nothing costs one descriptor until it is dropped.

Readiness: ``/run/gunicorn/notify``, datagrams as of sd_notify(3). Anybody may send, so a message
counts by the pid the kernel attests, never by what it says; descriptors sent along are refused by
giving the kernel no room for them.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gunicorn.sites.outlet import Outlet

_MAX_ORDER = 65536
_MAX_CALLERS = 32


class Message(NamedTuple):
    """What a process said, and which process the kernel says it was."""

    pid: int
    values: dict[str, str]


class Caller:
    """One connection that has given, or is giving, an order."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = bytearray()
        self.answered = b""

    def answer(self, value: dict[str, Any]) -> None:
        self.answered = json.dumps(value).encode() + b"\n"


class Desk:
    """Both sockets, in one selector with whatever else the supervisor waits for."""

    def __init__(self, orders: Path, notify: Path) -> None:
        self.paths = (orders, notify)
        self.selector = selectors.DefaultSelector()
        self.orders = _bind(orders, socket.SOCK_STREAM, 0o600)
        self.orders.listen(8)
        # everybody may write: the masters are unprivileged; what counts is the attested pid
        self.notify = _bind(notify, socket.SOCK_DGRAM, 0o666)
        self.notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.callers: set[Caller] = set()
        for sock in (self.orders, self.notify):
            self.selector.register(sock, selectors.EVENT_READ, sock)

    def listen_to(self, outlet: Outlet) -> None:
        """Take what a site writes to its standard error from now on, until it closes it."""
        self.selector.register(outlet, selectors.EVENT_READ, outlet)

    def wait(
        self, timeout: float | None, say: Callable[[str], None]
    ) -> tuple[list[tuple[Caller, dict[str, Any]]], bool]:
        """Wait for something to happen; gives complete orders, and whether a message is there.

        What sites write goes to ``say``, a line each.
        """
        orders: list[tuple[Caller, dict[str, Any]]] = []
        has_message = False
        for key, _ in self.selector.select(timeout):
            if key.data is self.orders:
                self._accept()
            elif key.data is self.notify:
                has_message = True
            elif isinstance(key.data, Outlet):
                for line in key.data.take():
                    say(line)
                if key.data.is_closed:
                    self.selector.unregister(key.data)
                    key.data.close()
            elif isinstance(key.data, Caller):
                order = self._serve(key.data)
                if order is not None:
                    orders.append((key.data, order))
        return orders, has_message

    def messages(self) -> list[Message]:
        """Take the datagrams that have arrived."""
        found: list[Message] = []
        room = socket.CMSG_SPACE(struct.calcsize("3i"))
        while True:
            try:
                data, ancillary, _, _ = self.notify.recvmsg(4096, room)
            except BlockingIOError:
                return found
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
                    pid = struct.unpack("3i", value[: struct.calcsize("3i")])[0]
                    lines = data.decode("utf-8", "replace").splitlines()
                    found.append(Message(pid, dict(line.partition("=")[::2] for line in lines)))

    def answer(self, caller: Caller, value: dict[str, Any]) -> None:
        """Answer an order; sent as the caller takes it."""
        if caller in self.callers:
            caller.answer(value)
            self.selector.modify(caller.sock, selectors.EVENT_WRITE, caller)

    def close(self) -> None:
        """Close and remove everything."""
        for caller in list(self.callers):
            self._drop(caller)
        for sock, path in zip((self.orders, self.notify), self.paths, strict=True):
            sock.close()
            path.unlink(missing_ok=True)
        self.selector.close()

    def flush(self, timeout: float) -> None:
        """Give answers that are under way a last chance to leave."""
        for caller in list(self.callers):
            if caller.answered:
                caller.sock.settimeout(timeout)
                try:
                    caller.sock.sendall(caller.answered)
                except OSError:
                    pass  # it no longer wants to know

    def _accept(self) -> None:
        try:
            sock, _ = self.orders.accept()
        except OSError:
            return  # it left before we came
        if len(self.callers) >= _MAX_CALLERS:
            sock.close()
            return
        sock.setblocking(False)
        caller = Caller(sock)
        self.callers.add(caller)
        self.selector.register(sock, selectors.EVENT_READ, caller)

    def _serve(self, caller: Caller) -> dict[str, Any] | None:
        """Read or write what is possible; gives a complete order, once."""
        try:
            if caller.answered:
                sent = caller.sock.send(caller.answered)
                caller.answered = caller.answered[sent:]
                if not caller.answered:
                    self._drop(caller)
                return None
            chunk = caller.sock.recv(_MAX_ORDER)
        except BlockingIOError:
            return None
        except OSError:
            chunk = b""
        caller.received += chunk
        if not chunk or len(caller.received) > _MAX_ORDER:
            self._drop(caller)
            return None
        if b"\n" not in caller.received:
            return None
        line, caller.received = bytes(caller.received.partition(b"\n")[0]), bytearray()
        try:
            order = json.loads(line)
        except ValueError:
            order = None
        if not isinstance(order, dict):
            self.answer(caller, {"ok": False, "problems": ["the order is no JSON object"]})
            return None
        return order

    def _drop(self, caller: Caller) -> None:
        self.callers.discard(caller)
        self.selector.unregister(caller.sock)
        caller.sock.close()


def _bind(path: Path, kind: socket.SocketKind, mode: int) -> socket.socket:
    """Bind a Unix socket in root's own directory; the lock has shown that nobody else has it."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    previous = os.umask(0o777 & ~mode)
    try:
        sock.bind(str(path))
    finally:
        os.umask(previous)
    return sock
