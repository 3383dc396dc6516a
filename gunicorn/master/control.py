"""The control socket: who may speak to the master asks and is answered, one JSON object per line.

Protocol 1. A connection carries one request, ``{"command": NAME, ...}``, and its answer, which may
come much later: a reload is answered when its verdict is known. What can be asked is the table at
the end of ``commands.py``, for people in docs/reference/control-socket.rst.

A failure is ``{"ok": false, "error": "one line"}``, with ``"traceback"`` where there is one.
Peers other than root and the user of the master are refused. Nothing here waits: a slow peer
costs a descriptor until its deadline.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
from collections.abc import Callable

from gunicorn import sock
from gunicorn.errors import ConfigError
from gunicorn.system import clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Reply = Callable[[dict[str, Any]], None]
    #: takes a request and the function that answers it, now or later, once
    Handle = Callable[[dict[str, Any], Reply], None]

__all__ = ["PROTOCOL", "ControlSocket"]

PROTOCOL = 1

REQUEST_LIMIT = 65536
REQUEST_SECONDS = 10.0
PEERS_LIMIT = 64


class ControlSocket:
    """The listening end; its callbacks are what the master's selector runs."""

    def __init__(
        self, path: str, mode: int, selector: selectors.BaseSelector, handle: Handle
    ) -> None:
        """Bind ``path`` with ``mode``. Raises ConfigError."""
        self.path = path
        self._selector = selector
        self._handle = handle
        self._peers: set[_Peer] = set()
        try:
            # The mask makes the mode true from the first moment; no chmod that could come too late.
            self._listener = sock.bind_unix(path, umask=0o777 & ~mode)
            self._inode = sock.inode_of(path)
            self._listener.setblocking(False)
            self._listener.listen(16)
        except OSError as exc:
            raise ConfigError(f"control_socket {path!r}: {exc.strerror or exc}") from exc
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _accept(self, now: float) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:
            return
        peer = _Peer(
            accepted, self._selector, self._handle, now + REQUEST_SECONDS, self._peers.discard
        )
        self._peers.add(peer)
        if not _is_allowed(accepted):
            peer.answer({"ok": False, "error": "only root and the user of the server may ask"})
        elif len(self._peers) > PEERS_LIMIT:
            peer.answer({"ok": False, "error": "too many connections"})

    def tick(self, now: float) -> None:
        """Close the peers that have not sent their request, or not taken their answer, in time."""
        for peer in list(self._peers):
            if peer.is_overdue(now):
                peer.close()

    def forget(self) -> None:
        """In a worker: close everything without telling anybody."""
        self._listener.close()
        for peer in self._peers:
            peer.sock.close()

    def close(self, heir: ControlSocket | None = None) -> None:
        """Stop listening; the path goes. So do the peers, unless there is a socket to keep them."""
        sock.remove_unix(self.path, self._inode)
        self._selector.unregister(self._listener)
        self._listener.close()
        for peer in list(self._peers):
            if heir is None:
                peer.close()
            else:
                peer.forget = heir._peers.discard
        if heir is not None:
            heir._peers |= self._peers


class _Peer:
    """One connection: reads a line, has it handled, writes the answer, closes."""

    def __init__(
        self,
        accepted: socket.socket,
        selector: selectors.BaseSelector,
        handle: Handle,
        deadline: float,
        forget: Callable[[_Peer], None],
    ) -> None:
        self.sock = accepted
        self._selector = selector
        self._handle = handle
        self.forget = forget
        self._deadline: float | None = deadline
        self._inbox = b""
        self._outbox = b""
        self._is_closed = False
        accepted.setblocking(False)
        selector.register(accepted, selectors.EVENT_READ, self._read)

    def is_overdue(self, now: float) -> bool:
        return self._deadline is not None and now >= self._deadline

    def _read(self, now: float) -> None:
        try:
            data = self.sock.recv(REQUEST_LIMIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()  # whoever asked has gone; the verdict will find nobody, and no harm
            return
        if self._deadline is None:
            return  # more than one line: nobody asked for that
        self._inbox += data
        line, newline, _ = self._inbox.partition(b"\n")
        if newline:
            self._deadline = None  # the answer may take as long as a reload does
            self._take(line)
        elif len(self._inbox) > REQUEST_LIMIT:
            self.answer({"ok": False, "error": "the request is too long"})

    def _take(self, line: bytes) -> None:
        try:
            request = json.loads(line)
        except ValueError as exc:
            self.answer({"ok": False, "error": f"the request is not JSON: {exc}"})
            return
        if not isinstance(request, dict):
            self.answer({"ok": False, "error": "the request is not a JSON object"})
            return
        self._handle(request, self.answer)

    def answer(self, message: dict[str, Any]) -> None:
        """Send the answer and close once it is taken."""
        if self._is_closed or self._outbox:
            return
        self._outbox = json.dumps(message).encode() + b"\n"
        self._write(clock.monotonic())

    def _write(self, now: float) -> None:
        try:
            sent = self.sock.send(self._outbox)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        self._outbox = self._outbox[sent:]
        if not self._outbox:
            self.close()
        else:
            # A Unix socket takes an answer at once unless its reader sleeps.
            self._deadline = clock.monotonic() + REQUEST_SECONDS
            self._selector.modify(self.sock, selectors.EVENT_WRITE, self._write)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._selector.unregister(self.sock)
            self.sock.close()
            self.forget(self)


def _is_allowed(accepted: socket.socket) -> bool:
    size = struct.calcsize("3i")
    credentials = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _pid, uid, _gid = struct.unpack("3i", credentials)
    return uid in (0, os.geteuid())
