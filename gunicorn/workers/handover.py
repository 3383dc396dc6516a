"""Parked connections move from a busy worker to an idle one.

While an application runs, its worker's other connections wait although a sibling may have nothing
to do. A thread of the busy worker passes those that have something to say, with all that was read
of them, to whichever sibling takes them first; new connections are left to the siblings as well.

    Exchange   what all workers of a server share, made before the first fork: a pair of datagram
               sockets, and a page in which each worker notes when it was last idle
    Watcher    the thread; it exists only while a worker is busy and something is parked

Facts. A descriptor sent over a Unix socket is a duplicate: both ends see the same connection, so
the sender closes its own. A datagram arrives whole or not at all, and is taken by one reader; a
descriptor in it for which that reader has no room is closed by the kernel, and the connection lost:
so each worker holds the room that a message needs (``Exchange.hold_room``), and gives it up only
for the moment of taking one. The
monotonic clock is the machine's, so deadlines move along. CPython switches threads between
bytecodes and at system calls: an extension that keeps the lock of the interpreter for seconds keeps
the watcher from running too, and its connections wait.

Who may touch what: the worker's gate (a lock) is held by the main thread except while an
application runs. The watcher touches channels and reactor only while it holds the gate, so a
request that ends waits for one hand-over at most. TLS connections cannot move: their keys live in
this process.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import mmap
import os
import socket
import sys
import threading
import time
from collections.abc import Callable

from gunicorn.workers.channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

__all__ = ["TICK", "Exchange", "Watcher", "pack", "unpack"]

#: a request that runs longer than this has its worker's connections moved, seconds
TICK = 0.01
#: how long the watcher listens for events at a time, during which the request may have ended
_LISTEN = 0.05
#: the shortest pause while nobody is idle
_PAUSE = 0.0005
#: seconds between two chances for the watcher to run while a CPU-bound application does
_SWITCH = 0.0005
#: a worker that noted itself idle longer ago than this has died: idle ones note it every second
_FRESH = 2.5
#: received descriptors are for this process only, like all others
_CLOEXEC = socket.MSG_CMSG_CLOEXEC
#: ticks without a request after which the watcher ends
_QUIET = 100
#: descriptors in a message: the connection, and the file of a body that is half here
_FDS_MAX = 2
#: the largest datagram we try
_MESSAGE_MAX = 192 * 1024


class Exchange:
    """Shared by the workers of one server."""

    def __init__(self) -> None:
        self.taker, self.giver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.taker.setblocking(False)
        self.giver.setblocking(False)
        # The other end of a socketpair names who may queue how much.
        self.giver.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        #: for each worker since when it is idle, or minus since when it is busy; 0.0 when it takes
        #: nothing any more. Places are given by age, modulo.
        self.idle_at = memoryview(self._page).cast("d")
        #: descriptors that stand for those of the next message; each worker has its own
        self._room: list[int] = []
        atexit.register(self.close)

    def fileno(self) -> int:
        """The descriptor that is readable when a connection waits to be taken."""
        return self.taker.fileno()

    def place(self, age: int) -> int:
        """Return the place in ``idle_at`` of the worker of this age."""
        return age % len(self.idle_at)

    def has_idle(self, now: float) -> bool:
        """Whether some worker waits for work."""
        return max(self.idle_at) > now - _FRESH

    def has_takers(self, now: float) -> bool:
        """Whether some worker is idle or was a moment ago, so that it will be soon."""
        return any(abs(since) > now - _FRESH for since in self.idle_at)

    def give(self, message: bytes, fds: list[int]) -> bool:
        """Offer a connection; False when the queue is full or the message too long."""
        if len(message) > _MESSAGE_MAX:
            return False
        try:
            socket.send_fds(self.giver, [message], fds)
        except OSError:
            return False
        return True

    def hold_room(self) -> None:
        """Hold the descriptors that the next message needs. Raises OSError: there are none."""
        while len(self._room) < _FDS_MAX:
            self._room.append(os.dup(self.taker.fileno()))

    def _give_up_room(self) -> None:
        while self._room:
            os.close(self._room.pop())

    def take(self) -> tuple[bytes, list[int]] | None:
        """Take a connection that was offered; None when a sibling was faster.

        Raises OSError, and leaves the connection to a sibling, where there is no room for it.
        """
        self.hold_room()
        self._give_up_room()
        try:
            # What reads the message opens files the first time: before it is ours, and with the
            # room of its descriptors.
            _picklers()
            message, fds, _, _ = socket.recv_fds(self.taker, _MESSAGE_MAX, _FDS_MAX, _CLOEXEC)
        except BlockingIOError:
            return None
        finally:
            with contextlib.suppress(OSError):
                self.hold_room()
        return message, fds

    def close(self) -> None:
        """At the end of the process; in a server the exchange lives as long."""
        self._give_up_room()
        self.taker.close()
        self.giver.close()
        self.idle_at.release()
        self._page.close()


@functools.cache
def _picklers() -> tuple[Any, Any]:
    """The classes that write and read a conversation."""
    import pickle  # a start would wait for it, and many workers never move a connection

    class Pickler(pickle.Pickler):
        """Writes a conversation without what every worker has itself."""

        def __init__(self, file: IO[bytes], own: dict[int, str]) -> None:
            super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
            self._own = own

        def persistent_id(self, obj: Any) -> str | None:
            return self._own.get(id(obj))

    class Unpickler(pickle.Unpickler):
        """Reads a conversation. Only what siblings, processes of this program and user, wrote."""

        def __init__(self, file: IO[bytes], own: dict[str, Any]) -> None:
            super().__init__(file)
            self._own = own

        def persistent_load(self, pid: str) -> Any:
            return self._own[pid]

    return Pickler, Unpickler


def pack(channel: Channel, facts: Any) -> tuple[bytes, list[int]]:
    """Return the message and the descriptors by which a sibling carries on with ``channel``.

    ``facts`` are those of its listener. The conversation is between requests or gathering one.
    """
    talk = channel.connection
    own = {id(talk.policy): "policy", id(talk.policy.cfg): "cfg"}
    base = talk.detach()
    spool = channel.spool
    fds = [channel.fd]
    gathered: bytes | None = None
    if spool is not None:
        file = spool.reader()
        if spool.file is None:
            gathered = file.read()
        else:
            fds.append(file.fileno())
        # The next piece is appended, by us if nobody takes the channel.
        file.seek(0, io.SEEK_END)
    pickler, _ = _picklers()
    out = io.BytesIO()
    try:
        pickler(out, own).dump(
            (
                facts,
                channel.addr,
                int(channel.state),
                channel.deadline,
                channel.began,
                gathered,
                spool.size if spool is not None else 0,
                channel.request,
                talk,
            )
        )
    finally:
        talk.base_environ = base
    return out.getvalue(), fds


def unpack(message: bytes, policy: Any) -> tuple[Any, ...]:
    """Return what :func:`pack` was given, with this worker's policy in it."""
    _, unpickler = _picklers()
    parts = unpickler(io.BytesIO(message), {"policy": policy, "cfg": policy.cfg}).load()
    assert isinstance(parts, tuple)
    return parts


class Watcher(threading.Thread):
    """Looks every TICK whether the worker is still at the same request, and helps its others.

    ``request_number()`` is the number of the request the application is at, 0 for none.
    ``help(events)`` is called with the gate held and says whether it could do something.
    """

    def __init__(
        self,
        gate: threading.Lock,
        request_number: Callable[[], int],
        wait: Callable[[float], list[tuple[int, int]]],
        help_others: Callable[[list[tuple[int, int]]], bool],
    ) -> None:
        super().__init__(name="gunicorn-watcher", daemon=True)
        self._gate = gate
        self._request_number = request_number
        self._wait = wait
        self._help = help_others
        #: false when the watcher means to end
        self.is_wanted = True
        #: set by the main thread, which has started another one
        self.is_replaced = False

    def run(self) -> None:
        seen = quiet = 0
        while self.is_wanted and not self.is_replaced:
            time.sleep(TICK)
            number = self._request_number()
            if not number:
                quiet += 1
                if quiet >= _QUIET:
                    self.is_wanted = False
                    # Between our look and this line a request may have begun, relying on us; or
                    # after it, and then the main thread has seen that we end.
                    if self._request_number():
                        self.is_wanted = True
                        quiet = 0
                continue
            quiet = 0
            if number == seen:
                self._help_during(number)
            seen = number

    def _help_during(self, number: int) -> None:
        # A CPU-bound application gives the interpreter away every 5 ms, and each system call of a
        # hand-over asks for it anew: for the length of this request others are asked to be quicker.
        interval = sys.getswitchinterval()
        sys.setswitchinterval(min(interval, _SWITCH))
        try:
            self._help_while(number)
        finally:
            sys.setswitchinterval(interval)

    def _help_while(self, number: int) -> None:
        events: list[tuple[int, int]] = []
        pause = _PAUSE
        while self._gate.acquire(blocking=False):
            try:
                if self._request_number() != number:
                    return
                did_something = self._help(events)
            finally:
                self._gate.release()
            if did_something or not events:
                pause = _PAUSE
            else:
                # They stay ready: without a pause we would spin. A sibling may be idle any moment.
                time.sleep(pause)
                pause = min(2 * pause, TICK)
            events = self._wait(_LISTEN)
