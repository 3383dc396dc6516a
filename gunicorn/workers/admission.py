"""Who comes in: new connections as channels, connections of busy siblings, and the cap on both.

A worker at its cap first closes connections that only wait for another request, then stops
accepting until a tenth of them have gone; both changes are logged once. Rules: nothing here reads a
client or decides when it is served; what is full here is taken by a sibling.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time

from gunicorn.http import connection, environ
from gunicorn.http.limits import Policy
from gunicorn.http.proxy import Peer
from gunicorn.http.wsgi import FileWrapper
from gunicorn.workers import handover
from gunicorn.workers.channel import Channel, State
from gunicorn.workers.reactor import Reactor
from gunicorn.workers.spool import Held, Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Admission"]

_NOBODY = Peer("", "", True)

#: a worker that is full accepts again when it holds this part of its cap
_RESUME_AT = 0.9
#: seconds after which a worker that had no descriptor tries again
_RETRY_SECONDS = 5.0
#: the part of the cap that is closed at once to make room, if so many are idle
_ROOM = 0.05


class _Door:
    """A listener, and what all connections that come through it have in common."""

    __slots__ = ("accept", "base", "facts", "kind", "listener")

    def __init__(self, listener: Any, base: environ.Environ, facts: environ.Listener) -> None:
        self.listener = listener
        self.facts = facts
        self.base = base
        # What ``socket.accept`` is made of: it looks for the three numbers at each connection, in
        # enumerations, which takes longer than the system call's own work.
        self.accept = listener._accept
        self.kind = int(listener.family), int(listener.type), listener.proto


class Admission:
    """The doors of one worker: its listeners, and the exchange with its siblings."""

    def __init__(
        self, worker: Any, policy: Policy, reactor: Reactor, exchange: handover.Exchange | None
    ) -> None:
        cfg = worker.cfg
        self._worker = worker
        self._cfg = cfg
        self._log = worker.log
        self._policy = policy
        self._reactor = reactor
        self._exchange = exchange
        #: of TLS, None without
        self.context: Any = None
        self._kind: type[Channel] = Channel
        if cfg.is_ssl:
            # OpenSSL is a tenth of what a worker imports; most stand behind a proxy without it.
            from gunicorn import tls
            from gunicorn.workers.tlschannel import TLSChannel

            self.context, self._kind = tls.server_context(cfg), TLSChannel
        self._held = Held()
        self._cap = int(cfg.worker_connections)
        self._tmp_dir = cfg.tmp_upload_dir
        self._allows_sendfile = cfg.sendfile is not False
        self._is_multiprocess = cfg.workers > 1
        self._by_listener = {
            listener: self._make_door(
                listener, environ.Listener.from_sockname(listener.getsockname())
            )
            for listener in worker.sockets
        }
        self._doors = list(worker.sockets)
        # Under TLS there is nothing to take over.
        if exchange is not None and self.context is None:
            self._doors.append(exchange)
        self.is_full = False
        #: when full: accepted again with fewer connections than this, or at this instant, for the
        #: descriptors may have been taken by others
        self._resume_at = 0.0
        self._retry_at = math.inf

    # -- doors -------------------------------------------------------------------------------------

    def _make_door(self, listener: Any, facts: environ.Listener) -> _Door:
        base = environ.base_environ(
            self._policy,
            facts,
            _NOBODY,
            multithread=self._worker.IS_MULTITHREAD,
            multiprocess=self._is_multiprocess,
            file_wrapper=FileWrapper,
        )
        return _Door(listener, base, facts)

    def open(self) -> None:
        """Report who knocks, unless the worker is full."""
        if not self.is_full:
            if self._exchange is not None and self.context is None:
                with contextlib.suppress(OSError):
                    self._exchange.hold_room()
            self._reactor.add_listeners(self._doors)

    def shut(self) -> None:
        """Leave whoever knocks to the siblings."""
        self._reactor.remove_listeners()

    def accept(self, listener: Any) -> Channel | None:
        """Take one connection; None when a sibling was faster or there is no room."""
        door = self._by_listener[listener]
        try:
            fd, addr = door.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None
        except OSError as exc:
            self._run_short(f"cannot accept: {exc}")
            return None
        sock = socket.socket(*door.kind, fileno=fd)
        sock.setblocking(False)
        talk = connection.Connection(self._policy, Peer.from_address(addr))
        try:
            return self._make(sock, door, addr, talk)
        except OSError as exc:
            # A TLS socket cannot be made of a connection that was reset while it waited outside.
            self._log.debug("Ignored premature client disconnection. %s", exc)
            sock.close()
            return None

    def _make(self, sock: Any, door: _Door, addr: Any, talk: connection.Connection) -> Channel:
        if self.context is not None:
            # The handshake is a step like the others: it must not hold the worker.
            sock = self.context.wrap_socket(
                sock,
                server_side=True,
                do_handshake_on_connect=False,
                suppress_ragged_eofs=self._cfg.suppress_ragged_eofs,
            )
        talk.base_environ = environ.base_environ_of(door.base, talk.peer, sock)
        channel = self._kind(sock, door.listener, addr, talk, self._held, self._tmp_dir)
        channel.allows_sendfile = self._allows_sendfile
        grants = self._worker
        channel.attend(grants.notify, grants.PATIENCE_SECONDS, grants.PATIENCE_RATE)
        if self.context is not None:
            channel.state = State.SHAKE
        return channel

    # -- siblings ----------------------------------------------------------------------------------

    def is_exchange(self, door: Any) -> bool:
        """Whether what knocks is a sibling's connection."""
        return door is self._exchange

    def give(self, channel: Channel) -> bool:
        """Give ``channel`` to whichever sibling is idle; False when it stays here."""
        exchange = self._exchange
        if exchange is None or channel.is_tls or channel.outbox is not None:
            return False
        try:
            message, fds = handover.pack(channel, self._by_listener[channel.listener].facts)
        except Exception as exc:
            self._log.debug("A connection cannot move: %s", exc)
            return False
        if not exchange.give(message, fds):
            return False
        self._reactor.forget(channel)
        channel.close()
        return True

    def take(self) -> Channel | None:
        """Take over a sibling's connection, in the state in which it was given."""
        assert self._exchange is not None
        try:
            taken = self._exchange.take()
        except OSError as exc:
            self._run_short(f"cannot take over: {exc}")
            return None
        if taken is None:
            return None
        message, fds = taken
        try:
            given = handover.unpack(message, self._policy)
            facts, addr, state, deadline, began, gathered, size, request, talk = given
            sock = socket.socket(fileno=fds[0])
        except Exception:
            self._log.exception("Cannot take over a connection")
            for fd in fds:
                os.close(fd)
            return None
        sock.setblocking(False)
        talk.attach(self._policy)
        door = next((door for door in self._by_listener.values() if door.facts == facts), None)
        if door is None:
            # A reload has taken the listener away; its connections live on.
            door = self._make_door(self._doors[0], facts)
        channel = self._make(sock, door, addr, talk)
        channel.state = State(state)
        channel.deadline = deadline
        channel.began = began
        channel.request = request
        if gathered is not None or len(fds) > 1:
            file = os.fdopen(fds[1], "r+b", buffering=0) if len(fds) > 1 else None
            channel.spool = Spool.resumed(self._cfg.tmp_upload_dir, gathered or b"", file, size)
        return channel

    # -- the cap -----------------------------------------------------------------------------------

    def check_cap(self) -> list[Channel]:
        """At the cap, return the idle channels to close, or stop accepting if there are none."""
        items = self._reactor.items
        if len(items) < self._cap:
            return []
        idle = [
            channel
            for channel in items.values()
            if channel.state is State.IDLE and channel.connection.requests
        ]
        if not idle:
            self._fill_up("worker_connections", self._cap)
            self._retry_at = math.inf
        idle.sort(key=_deadline)
        return idle[: max(1, int(self._cap * _ROOM))]

    def _fill_up(self, reason: str, cap: int) -> None:
        if not self.is_full:
            self.is_full = True
            self._resume_at = cap * _RESUME_AT
            self.shut()
            held = len(self._reactor.items)
            self._log.warning("Worker holds %d connections, accepts no more (%s)", held, reason)

    def _run_short(self, reason: str) -> None:
        """Out of descriptors: as many as there are now is what this worker can hold."""
        self._fill_up(reason, len(self._reactor.items))
        self._retry_at = time.monotonic() + _RETRY_SECONDS

    def check_room(self) -> None:
        """Accept again when enough connections have gone."""
        if not self.is_full:
            return
        held = len(self._reactor.items)
        if held <= self._resume_at or time.monotonic() >= self._retry_at:
            self.is_full = False
            self._log.info("Worker holds %d connections, accepts again", held)
            if self._worker.alive:
                self.open()


def _deadline(channel: Channel) -> float:
    return channel.deadline
