"""A connection that has a green thread: it reads and writes its socket and waits as it does.

``base_async`` decides what is read and written when; here is how, with a deadline for each wait.
Knows no library of green threads: the sockets come from one, and look as if they blocked.
"""

from __future__ import annotations

import os
import socket
import time

from gunicorn.http import connection, errors, response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Talk"]

#: bytes asked of a socket at once
_READ_SIZE = 65536
#: bytes of a file given to the kernel at once
_FILE_PART = 1 << 20


class Talk:
    """One connection: its socket, its protocol, and the deadlines of what is waited for.

    It is the sink of a response, and to hooks and ``handle_request`` the client.
    """

    __slots__ = (
        "_worker",
        "addr",
        "connection",
        "green",
        "is_idle",
        "request",
        "response",
        "sock",
        "started",
    )

    def __init__(
        self, worker: Any, sock: Any, addr: Any, talk: connection.Connection, green: Any
    ) -> None:
        self._worker = worker
        self.sock = sock
        self.addr = addr
        self.connection = talk
        #: nothing of a request has come: it may be closed when the worker leaves
        self.is_idle = True
        #: the green thread that serves it
        self.green = green
        # Of the request under way: itself, the response the dispatcher builds, when it began.
        self.request: Any = None
        self.response: Any = None
        self.started = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    # -- reading -----------------------------------------------------------------------------------

    def receive(self, deadline: float) -> bytes:
        """Return what comes next, b"" at the end. Raises OSError, TimeoutError at ``deadline``."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the peer was too slow")
        self.sock.settimeout(left)
        data: bytes = self.sock.recv(_READ_SIZE)
        return data

    def receive_body(self) -> bytes:
        """Return more of a body for the application that waits for it."""
        if self.connection.wants_continue():
            self.connection.continue_sent()
            self.send(response.CONTINUE)
        try:
            return self.receive(time.monotonic() + self._worker.PATIENCE_SECONDS)
        except OSError as exc:
            raise errors.ClientDisconnected(str(exc)) from exc

    def shut(self, how: int) -> None:
        """Shut down one direction of the socket."""
        try:
            # By a duplicate: a TLS socket that is shut down forgets its keys.
            with socket.socket(fileno=os.dup(self.sock.fileno())) as duplicate:
                duplicate.shutdown(how)
        except OSError:
            pass  # ended by itself

    # -- writing: the sink -------------------------------------------------------------------------

    def send(self, data: bytes) -> int:
        """Send all of ``data``, at the peer's pace. Raises ClientDisconnected."""
        rest: Any = data
        try:
            # Each piece the peer takes buys it time, so a slow one is no broken one.
            self.sock.settimeout(self._worker.PATIENCE_SECONDS)
            while True:
                taken = self.sock.send(rest)
                if taken == len(rest):
                    return len(data)
                rest = memoryview(rest)[taken:]
        except OSError as exc:
            raise errors.ClientDisconnected(str(exc)) from exc

    sendall = send

    def send_many(self, pieces: list[bytes]) -> None:
        self.send(b"".join(pieces))

    def send_file(self, file: Any, offset: int, count: int) -> int | None:
        """Have the kernel send ``count`` bytes of ``file``; None when they must be read instead."""
        worker = self._worker
        if not worker.cfg.sendfile or worker.cfg.is_ssl or worker.wait_writable is None:
            return None
        sent = 0
        fd = file.fileno()
        while sent < count:
            try:
                part = os.sendfile(
                    self.sock.fileno(), fd, offset + sent, min(count - sent, _FILE_PART)
                )
            except BlockingIOError:
                worker.wait_writable(self.sock, worker.PATIENCE_SECONDS)
                continue
            except OSError as exc:
                if not sent and not isinstance(exc, ConnectionError):
                    return None
                raise errors.ClientDisconnected(str(exc)) from exc
            if not part:
                break
            sent += part
        return sent
