"""One accepted socket and the state of its conversation: descriptor, protocol, what waits.

A channel reads and writes its socket and never waits, except in ``wait_taken`` and ``wait_more``,
which an application's own pace calls for. It is the *sink* of ``http.wsgi.Response`` and the
``client`` that ``SyncWorker.handle`` and hooks see: what it does not have itself, it takes from the
socket. When to read, write and close is the worker's decision; this file knows no reactor and no
application.

The states, and what is waited for in each:

    SHAKE   TLS handshake under way                                reading or writing
    IDLE    no byte of the next request has come                   reading
    HEAD    part of a head has come                                reading
    BODY    the head is parsed, part of the body has come          reading
    SERVE   the application runs, or the request waits its turn    nothing
    DRAIN   the answer is complete, the peer takes it slowly       writing
    LINGER  we have said everything; what the peer says is dropped  reading
    CLOSED
"""

from __future__ import annotations

import enum
import errno
import os
import select
import socket
import struct
import time
from collections.abc import Callable

from gunicorn.http.connection import Connection
from gunicorn.http.errors import ClientDisconnected
from gunicorn.http.message import Request
from gunicorn.workers.spool import Held, Outbox, Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Channel", "Outcome", "State"]

#: bytes asked of the socket at once
READ_SIZE = 65536
#: bytes of an answer that may wait for the peer; more, and the application waits
HIGH_WATER = 16 * 1024 * 1024

#: heartbeat while waiting in the name of an application, seconds
_TICK = 1.0
#: SO_LINGER with no time: closing resets the connection
RESET = struct.pack("ii", 1, 0)


class State(enum.IntEnum):
    """What a channel is doing; the table is in the module's docstring."""

    SHAKE = 0
    IDLE = 1
    HEAD = 2
    BODY = 3
    SERVE = 4
    DRAIN = 5
    LINGER = 6
    CLOSED = 7


class Outcome(enum.Enum):
    """What may become of a connection after a request."""

    #: another request may follow
    KEEP = 1
    #: the answer is complete, or its framing shows that it is not; the connection is over
    CLOSE = 2
    #: the answer is not complete and only a reset shows it
    BREAK = 3
    #: the peer has left
    GONE = 4


class Channel:
    """A plain connection. Not shared between threads while the worker is not busy."""

    __slots__ = (
        "_notify",
        "_patience_left",
        "addr",
        "allows_sendfile",
        "began",
        "connection",
        "deadline",
        "fd",
        "held",
        "listener",
        "mask",
        "outbox",
        "outcome",
        "pace",
        "patience",
        "peer",
        "received",
        "request",
        "sock",
        "spool",
        "state",
        "tmp_dir",
    )

    is_tls = False

    def __init__(
        self,
        sock: Any,
        listener: Any,
        addr: Any,
        connection: Connection,
        held: Held,
        tmp_dir: str | None = None,
    ) -> None:
        self.sock = sock
        self.fd: int = sock.fileno()
        self.listener = listener
        self.addr = addr
        self.connection = connection
        self.held = held
        self.tmp_dir = tmp_dir
        self.state = State.IDLE
        self.deadline = 0.0
        #: who is shown as the one that asks; known with the first request (the PROXY protocol)
        self.peer = b""
        #: events the reactor watches for
        self.mask = 0
        self.request: Request | None = None
        #: what becomes of the connection when the answer is out
        self.outcome = Outcome.CLOSE
        #: the body being gathered
        self.spool: Spool | None = None
        #: when the body began, and how much of it has come
        self.began = 0.0
        self.received = 0
        #: what the peer has not taken; None is the usual case
        self.outbox: Outbox | None = None
        #: whether the kernel may copy files to the socket (the setting ``sendfile``)
        self.allows_sendfile = True
        #: seconds a peer may keep an application waiting, and the bytes that earn one of them back
        self.patience = 30.0
        self.pace = 1 << 14
        self._patience_left = self.patience
        self._notify: Callable[[], None] = _nothing

    def __getattr__(self, name: str) -> Any:
        # The client of handle() and of hooks is a socket to them.
        return getattr(self.sock, name)

    def fileno(self) -> int:
        return self.fd

    def attend(self, notify: Callable[[], None], patience: float, pace: int) -> None:
        """Say whom to notify while an application waits for the peer, and how long that may be.

        A peer that lets it wait uses up ``patience`` seconds; each ``pace`` bytes that move earn
        one of them back. So a trickle holds an application no longer than silence does.
        """
        self._notify = notify
        self.patience = self._patience_left = patience
        self.pace = pace

    # -- reading -----------------------------------------------------------------------------------

    def receive(self) -> bytes | None:
        """Return what has come: bytes, b"" when the peer ended, None when nothing is there.

        Raises OSError when the connection is broken.
        """
        try:
            data: bytes = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return None
        return data

    def wait_more(self) -> bytes:
        """Return what comes next, waiting for it: for bodies that are read while they arrive.

        Returns b"" at the end. Raises ClientDisconnected when ``patience`` is used up.
        """
        while True:
            try:
                data = self.receive()
            except OSError as exc:
                raise ClientDisconnected(str(exc)) from exc
            if data is not None:
                self._earn(len(data))
                return data
            self._wait(select.POLLIN)

    # -- writing: the sink -------------------------------------------------------------------------

    def send(self, data: bytes) -> int:
        """Take all of ``data`` for the peer.

        Raises ClientDisconnected when there is none, OSError when a disk is too full to wait on.
        """
        size = len(data)
        if self.outbox is None:
            try:
                taken = self.sock.send(data)
            except BlockingIOError:
                taken = 0
            except OSError as exc:
                raise ClientDisconnected(str(exc)) from exc
            if taken == size:
                return size
            self._keep(memoryview(data)[taken:])
        else:
            self._keep(data)
        return size

    sendall = send

    def send_many(self, pieces: list[bytes]) -> None:
        """As :meth:`send`, for several pieces."""
        if self.outbox is None:
            try:
                taken = self.sock.sendmsg(pieces)
            except BlockingIOError:
                taken = 0
            except OSError as exc:
                raise ClientDisconnected(str(exc)) from exc
            for piece in pieces:
                if taken < len(piece):
                    self._keep(memoryview(piece)[taken:])
                taken = max(0, taken - len(piece))
        else:
            for piece in pieces:
                self._keep(piece)

    def send_file(self, file: Any, offset: int, count: int) -> int | None:
        """Send ``count`` bytes of ``file`` from ``offset`` without reading them into this process.

        What the peer does not take now is sent from a duplicate of the descriptor, so that the
        application may close its file. Returns ``count``, less if the file ended before, or None
        when it cannot be done and nothing was sent.
        """
        if not self.allows_sendfile:
            return None
        taken = 0
        if self.outbox is None:
            while taken < count:
                try:
                    part = self._send_range(file.fileno(), offset + taken, count - taken)
                except ClientDisconnected as exc:
                    if taken == 0 and _is_unsupported(exc.__cause__):
                        return None
                    raise
                if part is None:
                    break
                if part == 0:
                    return taken  # the file has become shorter
                taken += part
        if taken < count:
            duplicate = open(os.dup(file.fileno()), "rb", buffering=0)  # noqa: PTH123, SIM115
            self._queue().add_file(duplicate, offset + taken, count - taken)
            self._bound()
        return count

    def _send_range(self, fd: int, offset: int, count: int) -> int | None:
        try:
            return os.sendfile(self.fd, fd, offset, min(count, 1 << 30))
        except BlockingIOError:
            return None
        except OSError as exc:
            raise ClientDisconnected(str(exc)) from exc

    def _send_some(self, data: bytes | memoryview) -> int | None:
        try:
            return int(self.sock.send(data))
        except BlockingIOError:
            return None
        except OSError as exc:
            raise ClientDisconnected(str(exc)) from exc

    def _queue(self) -> Outbox:
        if self.outbox is None:
            self.outbox = Outbox(self.held, self.tmp_dir)
        return self.outbox

    def _keep(self, data: bytes | memoryview) -> None:
        self._queue().add(data)
        self._bound()

    def _bound(self) -> None:
        outbox = self.outbox
        if outbox is not None and outbox.size > HIGH_WATER and self.state is State.SERVE:
            self.wait_taken(HIGH_WATER // 2)

    def wait_taken(self, rest: int = 0) -> None:
        """Wait until at most ``rest`` bytes are left for the peer to take.

        Raises ClientDisconnected when ``patience`` is used up.
        """
        while (outbox := self.outbox) is not None and (before := outbox.size) > rest:
            self._wait(select.POLLOUT)
            self.flush()
            self._earn(before - outbox.size)

    def flush(self) -> bool:
        """Give the peer what it takes now; True when nothing is left. Raises ClientDisconnected."""
        outbox = self.outbox
        if outbox is None:
            return True
        try:
            outbox.flush(self._send_some, None if self.is_tls else self._send_range)
        except (EOFError, OSError) as exc:
            raise ClientDisconnected(str(exc)) from exc
        if outbox.size:
            return False
        outbox.close()
        self.outbox = None
        return True

    def _wait(self, event: int) -> None:
        """Wait for the socket, beating, for what is left of ``patience`` at most."""
        poll = select.poll()
        poll.register(self.fd, event)
        now = time.monotonic()
        deadline = now + self._patience_left
        while now < deadline:
            self._notify()
            is_ready = poll.poll(min(deadline - now, _TICK) * 1000)
            now = time.monotonic()
            if is_ready:
                self._patience_left = max(0.0, deadline - now)
                return
        self._patience_left = 0.0
        raise ClientDisconnected("the peer kept the application waiting for too long")

    def _earn(self, count: int) -> None:
        self._patience_left = min(self.patience, self._patience_left + count / self.pace)

    # -- the end -----------------------------------------------------------------------------------

    def half_close(self) -> None:
        """Say that nothing more will be sent, and go on listening. Raises OSError."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Have the close break the connection, for an answer that must not look complete."""
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except OSError:
            pass

    def close(self) -> None:
        """Close the socket and drop what waits. The reactor must have forgotten the channel."""
        self.state = State.CLOSED
        self.drop_body()
        if self.outbox is not None:
            self.outbox.close()
            self.outbox = None
        self.sock.close()

    def shake(self) -> int:
        """Go on with the handshake: the poll event to wait for, 0 when there is nothing to do."""
        return 0

    def drop_body(self) -> None:
        """Forget the body that was gathered."""
        if self.spool is not None:
            self.spool.close()
            self.spool = None


def _is_unsupported(exc: BaseException | None) -> bool:
    """Whether sendfile(2) refused this kind of file rather than this peer."""
    return isinstance(exc, OSError) and exc.errno in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def _nothing() -> None:
    pass
