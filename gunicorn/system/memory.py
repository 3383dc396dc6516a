"""What a worker and its master share: a page of memory, and a pipe for what needs words.

The worker writes, the master reads; of the other direction there is one word. Everything that
happens per request is a store into the page, so it costs no system call. The pipe carries what
happens once: ready, failed, log files reopened. The page knows nothing of HTTP and judges nothing:
``master/watchdog.py`` does.
"""

from __future__ import annotations

import mmap
import os
import struct
from time import monotonic

from gunicorn.shapes import NamedTuple
from gunicorn.system.durations import PLACE_BY_BITS, PLACES, UPPER_BITS

__all__ = ["Current", "Report", "WorkerSlot", "pack_peer"]

# Places in the page, in units of 8 bytes. An aligned store of 8 bytes is one store on every machine
# CPython runs the mmap module on, so a reader sees the old value or the new one.
_BEAT = 0
#: the one word of the master's: not zero when another master goes on in place of this one
_SUCCEEDED = 1

# The current request: method and path, address and port of the peer; then the instant it began, or
# how long the last one took, below zero, when there is none. Longer texts are cut off by the
# packing, shorter ones filled with zeros.
# The instant is written last and cleared first: texts read between two equal instants belong to it.
_CURRENT_AT = 64
_CURRENT = struct.Struct("@16s184s48s8sd")
_LINE = struct.Struct("@16s184s")
_PEER = struct.Struct("@48s8s")
_PEER_AT = _CURRENT_AT + _LINE.size
_PEER_END = _PEER_AT + _PEER.size
_BEGAN = _PEER_END // 8
_TOOK_BITS = _BEGAN * 4 + UPPER_BITS
_pack_line = _LINE.pack_into

# Behind it how many requests took how long (durations.py); all together are all requests served.
_TOOK_AT = 512
_TOOK_END = _TOOK_AT + PLACES * 8

#: a report must fit into an empty pipe (64 KiB), or the worker would wait for the master; a
#: character takes four bytes at worst
_TEXT_LIMIT = 12_000
#: what a report ends with. Not JSON: each start would load it for the one word "ready".
_END = "\0"


class Report(NamedTuple):
    """One message of a worker: ``kind`` is ready, failed, reopened, leaving or replace."""

    kind: str
    text: str = ""
    exit_status: int = 0


class Current(NamedTuple):
    """The request that a worker is at; texts may be cut off."""

    method: str
    #: percent-encoded, without the query, which may hold what is nobody's business
    path: str
    #: ADDRESS:PORT, or "" for a peer on a Unix socket
    peer: str
    #: for how long the worker has been at it
    seconds: float


def pack_peer(addr: str, port: str) -> bytes:
    """Give a peer as :meth:`WorkerSlot.begin_request` takes it; once for all it will ask."""
    return _PEER.pack(addr.encode(), port.encode())


_NO_PEER = pack_peer("", "")


class WorkerSlot:
    """One worker's share, made by the master before the fork and inherited through it.

    Afterwards each side calls ``keep_worker_side()`` or ``keep_master_side()`` and holds one end
    of the pipe.
    """

    def __init__(self) -> None:
        self._use_page(mmap.mmap(-1, mmap.PAGESIZE))
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._unread = b""
        #: on the worker's side: the exit status of the failure it has reported, 0 without one
        self.failed_with = 0
        #: the worker's end of the pipe is closed everywhere: no report will come any more
        self.ended = False

    def _use_page(self, page: mmap.mmap) -> None:
        self._page = page
        self._method = self._path = ""
        view = memoryview(page)
        self._instants = view.cast("d")
        self._words = view.cast("H")
        self._took = view[_TOOK_AT:_TOOK_END].cast("q")
        self._instants[_BEAT] = monotonic()

    # -- a worker that is not forked from the master -----------------------------------------------

    def make_portable(self) -> int:
        """In the master: put the page where a descriptor leads to it, and give that, to send on.

        The caller closes it. The descriptor that belongs with it is ``writer``.
        """
        fd = os.memfd_create("gunicorn-worker")
        os.ftruncate(fd, mmap.PAGESIZE)
        self._use_page(mmap.mmap(fd, mmap.PAGESIZE))
        return fd

    @property
    def writer(self) -> int:
        """The worker's end of the pipe."""
        return self._writer

    def attach(self, page: int, writer: int) -> None:
        """In the worker: share with the master what came by these descriptors, which are taken."""
        self.close()
        self._use_page(mmap.mmap(page, mmap.PAGESIZE))
        os.close(page)
        self._writer = writer

    # -- worker side -------------------------------------------------------------------------------

    def notify(self) -> None:
        """Beat: say that the worker is alive now."""
        self._instants[_BEAT] = monotonic()

    def begin_request(
        self, method: str = "", path: str = "", peer: bytes = _NO_PEER, began: float = 0.0
    ) -> float:
        """Say that a request is being served, since now or an earlier instant; gives the instant.

        ``peer`` comes from :func:`pack_peer`.
        """
        began = began or monotonic()
        if path is not self._path or method is not self._method:
            # Many requests are for what the last one was for, and then that stands there already.
            self._path, self._method = path, method
            _pack_line(self._page, _CURRENT_AT, method.encode(), path.encode())
        self._page[_PEER_AT:_PEER_END] = peer
        self._instants[_BEGAN] = began
        return began

    def show_request(self, method: str, path: str, addr: str, port: str, began: float) -> None:
        """Say which request is under way since ``began``, for workers that serve several at once.

        One is shown: the oldest is the one that a timeout or a death would be about.
        """
        self.begin_request(method, path, pack_peer(addr, port), began)

    def end_request(self, took: float) -> None:
        """Say that the request is served, and count it among those that took so many seconds."""
        self._instants[_BEGAN] = -took
        self._took[PLACE_BY_BITS[self._words[_TOOK_BITS]]] += 1

    def mark_ready(self) -> None:
        """Tell the master that the application is loaded and requests are taken."""
        self.notify()
        self._send("ready")

    def mark_failed(self, text: str, exit_status: int) -> None:
        """Tell the master why this worker cannot boot; ``text`` is usually a traceback."""
        if self.failed_with:
            return  # the first reason is the cause
        self.failed_with = int(exit_status)
        # The end of a traceback says what happened, its start only where it began.
        text = text[-_TEXT_LIMIT:]
        self._send("failed", self.failed_with, text)

    def mark_reopened(self) -> None:
        """Tell the master that this worker writes to the reopened log files."""
        self._send("reopened")

    def mark_leaving(self) -> None:
        """Tell the master that this worker accepts no new connection any more."""
        self._send("leaving")

    def ask_replacement(self) -> None:
        """Ask the master for a successor; the worker goes on serving until it is told to stop."""
        self._send("replace")

    @property
    def is_succeeded(self) -> bool:
        """Whether new connections are another master's, so that there is time for those we have."""
        return self._instants[_SUCCEEDED] != 0

    def keep_worker_side(self) -> None:
        """After the fork, in the worker: the reading end is the master's."""
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1

    def _send(self, kind: str, exit_status: int = 0, text: str = "") -> None:
        message = f"{kind} {exit_status} {text.replace(_END, ' ')}{_END}"
        try:
            os.write(self._writer, message.encode("utf-8", "replace"))
        except OSError:
            pass  # the master is gone; the worker will notice by its parent, not here

    # -- master side -------------------------------------------------------------------------------

    def mark_succeeded(self) -> None:
        """Tell the worker, before it is told to go, that another master goes on."""
        self._instants[_SUCCEEDED] = 1.0

    def last_update(self) -> float:
        """Give the monotonic instant of the last beat."""
        return self._instants[_BEAT]

    @property
    def requests(self) -> int:
        """How many requests the worker has served."""
        return sum(self._took)

    def took(self) -> list[int]:
        """How many requests took how long, by the places of ``durations``."""
        return self._took.tolist()

    def busy_seconds(self) -> float | None:
        """For how long the current request has been served; None when the worker is idle."""
        began = self._instants[_BEGAN]
        return monotonic() - began if began > 0 else None

    def current_request(self) -> Current | None:
        """Give what the worker is serving now; None when it is idle, or was between two looks."""
        began = self._instants[_BEGAN]
        texts = _CURRENT.unpack_from(self._page, _CURRENT_AT)[:4]
        if began <= 0 or self._instants[_BEGAN] != began:
            return None
        method, path, addr, port = (text.rstrip(b"\0").decode("utf-8", "replace") for text in texts)
        host = f"[{addr}]" if ":" in addr else addr
        peer = f"{host}:{port}" if addr else ""
        return Current(method, path, peer, monotonic() - began)

    def read_report(self) -> Report | None:
        """Give the next report of the worker, None when there is none (yet, or any more)."""
        while b"\0" not in self._unread:
            try:
                chunk = os.read(self._reader, 65536)
            except (BlockingIOError, OSError):
                return None
            if not chunk:
                self.ended = True
                return None
            self._unread += chunk
        message, _, self._unread = self._unread.partition(b"\0")
        kind, exit_status, text = message.decode().split(" ", 2)
        return Report(kind, text, int(exit_status))

    def keep_master_side(self) -> None:
        """After the fork, in the master: the writing end is the worker's."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    # -- both --------------------------------------------------------------------------------------

    def part(self) -> None:
        """In a process that is no worker but has the share of one: have no part in it any more."""
        self.close()
        self._use_page(mmap.mmap(-1, mmap.PAGESIZE))

    def fileno(self) -> int:
        """Give this side's end of the pipe: readable in the master when a report has come."""
        return self._writer if self._writer >= 0 and self._reader < 0 else self._reader

    def close(self) -> None:
        """Let go of this process's share. The page stays mapped, so a late beat harms nobody."""
        for fd in (self._reader, self._writer):
            if fd >= 0:
                os.close(fd)
        self._reader = self._writer = -1
