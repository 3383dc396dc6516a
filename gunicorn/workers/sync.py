"""The sync worker: one request at a time, but never one client at a time.

    run -> turn: wait for the reactor, take each ready channel one step (``steps``), then open
      the doors (``admission``): accept, or take over a busy sibling's connection
    a step that has a whole request -> serve -> handle -> handle_request -> dispatch

Heads and bodies are gathered, and answers drained, by the reactor: only the application occupies
the worker, and while it does, a thread helps the others (``handover``).

Order in a turn: clients that are here before clients that wait outside, because what is not
accepted stays in the kernel's queue, where any worker may take it.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator

from gunicorn.http.limits import Policy
from gunicorn.http.message import Request
from gunicorn.system.memory import pack_peer
from gunicorn.workers import base, forks, handover
from gunicorn.workers.admission import Admission
from gunicorn.workers.channel import Channel, Outcome, State
from gunicorn.workers.dispatch import Dispatcher
from gunicorn.workers.reactor import READ, Reactor
from gunicorn.workers.steps import Steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

__all__ = ["SyncWorker"]

# What every request passes: an attribute of an enumeration takes three times as long as a name.
_SERVE, _CLOSE = State.SERVE, Outcome.CLOSE


class SyncWorker(base.Worker):
    """Serves with one thread. The numbers below (seconds, bytes) are what clients are granted."""

    #: from the first byte of a head (or from the connection) to its last
    HEAD_SECONDS = 30.0
    #: for a body, and one more second for each BODY_RATE bytes of it that came
    BODY_SECONDS = 60.0
    BODY_RATE = 512
    #: between two pieces of an answer that the peer takes
    DRAIN_SECONDS = 60.0
    #: for a peer to notice that it was answered and to stop sending
    LINGER_SECONDS = 2.0
    #: for a client that has just connected to send something although the worker leaves
    FRESH_SECONDS = 0.5
    #: for a TLS handshake
    SHAKE_SECONDS = 30.0
    #: for a peer that an application itself waits for (a streamed body, a full outbox), in all;
    #: PATIENCE_RATE bytes that move earn one of these seconds back
    PATIENCE_SECONDS = 30.0
    PATIENCE_RATE = 16 * 1024
    #: between two looks at the deadlines of all connections
    LOOK_SECONDS = 1.0
    #: longer bodies are given to the application while they arrive
    STREAM_ABOVE = 64 * 1024 * 1024

    #: whether an application may be called by several threads at once
    IS_MULTITHREAD = False

    #: what siblings share; None where nobody has called ``prepare``
    exchange: ClassVar[handover.Exchange | None] = None

    @classmethod
    def prepare(cls, cfg: Any) -> None:
        """Called in the master before the first fork: make what all workers share."""
        if cls.exchange is None:
            cls.exchange = handover.Exchange()

    def run(self) -> None:
        """Serve until told to stop, then finish what has begun."""
        try:
            for wait in self._course():
                self._turn(wait)
        finally:
            self._tear_down()

    def _course(self) -> Iterator[bool]:
        """Say before each turn, from the first to the last, whether it may wait."""
        self._admission.open()
        while self.alive and self._tend():
            yield True
        yield from self._leaving()

    # -- set-up ------------------------------------------------------------------------------------

    def load_wsgi(self) -> None:
        """Load the application, and all else that can fail: a bad certificate is a failed boot."""
        super().load_wsgi()
        self._set_up()

    def _set_up(self) -> None:
        cfg = self.cfg
        policy = Policy.from_config(cfg, os.environ.get("SCRIPT_NAME", ""))
        self._dispatcher = Dispatcher(self, policy)
        waker = (self.PIPE[0], self.PIPE[1]) if self.PIPE else (-1, -1)
        self._reactor = Reactor(waker)
        self._exchange = exchange = type(self).exchange
        self._admission = Admission(self, policy, self._reactor, exchange)
        self._steps = Steps(self, self._reactor, self._admission, self._serve)
        #: held by this thread except while the application runs; see ``handover``
        self._gate = threading.Lock()
        self._gate.acquire()
        self._watcher: handover.Watcher | None = None
        #: number of the request the application is at, 0 for none; and the last number
        self._serving = self._served = 0
        #: the watcher has left new connections to the siblings
        self._is_lending = False
        #: how many descriptors the reactor last reported
        self._ready = 0
        self._next_look = self._steps.now
        # The heartbeat must advance while nothing happens; without a timeout nobody looks at it.
        self._interval = min(self.timeout or self.LOOK_SECONDS, self.LOOK_SECONDS)
        # Where this worker notes that it is idle; nobody reads it without an exchange. Noted before
        # the master hears that we are ready and tells others to leave: they ask who stays.
        self._idle_at: Any = [0.0] if exchange is None else exchange.idle_at
        self._place = 0 if exchange is None else exchange.place(self.age)
        self._idle_at[self._place] = -self._steps.now
        forks.cut_off_children(self, self._descriptors, self._end_child_on_return)

    def _descriptors(self) -> list[int]:
        """Give the descriptors by which this worker knows its clients and siblings."""
        exchange = self._exchange
        own = [] if exchange is None else [exchange.taker.fileno(), exchange.giver.fileno()]
        # A client that sent its request at once is not among the items.
        client = [] if self.answering is None else [self.answering.sock.fileno()]
        return [*client, *self._reactor.items, self._reactor.epoll.fileno(), *own]

    def _end_child_on_return(self) -> None:
        self._dispatcher.end_on_return()

    def _tear_down(self) -> None:
        if self._watcher is not None:
            self._watcher.is_replaced = True
        for channel in list(self._reactor.items.values()):
            self._steps.close(channel)
        # The watcher may be listening to it for a moment longer: it is closed with the process.

    # -- the loop ----------------------------------------------------------------------------------

    def _turn(self, wait: bool = True) -> None:
        """Wait, and take everything that is ready one step further."""
        reactor, steps = self._reactor, self._steps
        again = steps.again
        if self.alive:
            self._idle_at[self._place] = time.monotonic()
        events = reactor.wait(self._interval if wait and not again else 0.0)
        steps.now = now = time.monotonic()
        self._idle_at[self._place] = -now if self.alive else 0.0
        self._ready = len(events)
        self.notify()
        items, take, table = reactor.items, steps.take, steps.table
        others = []
        for fd, _ in events:
            channel = items.get(fd)
            if channel is None:
                others.append(fd)
            else:
                take(table[channel.state], channel)
        steps.resume_all()
        for fd in others:
            door = reactor.listeners.get(fd)
            if door is not None:
                self._open(door)
            else:
                reactor.is_waker(fd)

    def _tend(self) -> bool:
        """Look after deadlines once a second; False when the master has gone."""
        if self._steps.now < self._next_look:
            return True
        self._next_look = self._steps.now + self.LOOK_SECONDS
        for channel in self._reactor.overdue(self._steps.now):
            self._steps.take(self._steps.expire, channel)
        self._admission.check_room()
        return self.is_parent_alive()

    def _leaving(self) -> Iterator[bool]:
        """Finish the requests that have begun, for ``graceful_timeout`` seconds at most."""
        items = self._reactor.items
        self._admission.shut()
        self.tmp.mark_leaving()
        self._idle_at[self._place] = 0.0
        # A little less than the master grants, which kills at the end of it.
        deadline = self._steps.now + self.cfg.graceful_timeout * 0.95
        # With a successor nobody waits for the end: who was promised another request has its time.
        patience = math.inf if self.tmp.is_succeeded else self.FRESH_SECONDS
        fresh_until = self._steps.now + patience
        wait = is_last = False
        while self._steps.now < deadline:
            if not is_last and not self._has_takers():
                is_last = True
                self._take_in_last()
                fresh_until = self._steps.now + patience
            # What is ready now has begun: it is read before anything idle is closed.
            yield wait
            for channel in list(items.values()):
                if channel.state is State.IDLE or channel.state is State.SHAKE:
                    self._part_with(channel, self._steps.now < fresh_until)
            if not items and not self._steps.again:
                return
            wait = True
            self._interval = handover.TICK if self._steps.now < fresh_until else 0.5
            self._tend()
        if any(channel.state is not State.IDLE for channel in items.values()):
            self.log.warning("Worker graceful timeout (pid:%s)", self.pid)

    def _part_with(self, channel: Channel, has_time: bool) -> None:
        """Give an idle connection to a sibling, so that its client notices nothing, or close it.

        Where nobody stays it is given the time for a request that is on the way, and the answer
        says that it was the last.
        """
        if not channel.is_tls and self._has_takers() and self._admission.give(channel):
            return
        if not has_time:
            self._steps.close(channel)

    def _has_takers(self) -> bool:
        """Whether a sibling stays that takes over connections, or new ones."""
        # those of the successor do not know us, and our own are told to go as well
        if self._exchange is None or self.tmp.is_succeeded:
            return False
        return self._exchange.has_takers(self._steps.now)

    def _take_in_last(self) -> None:
        """Take in who waits outside when nobody stays who would: the kernel would reset them.

        All at once and before any is served, so that who comes later does not prolong the end.
        """
        admission, reactor = self._admission, self._reactor
        for listener in self.sockets:
            while not admission.is_full and (visitor := admission.accept(listener)) is not None:
                visitor.deadline = self._steps.now + self.HEAD_SECONDS
                reactor.watch(visitor, READ)
                for idle in admission.check_cap():
                    self._steps.close(idle)

    # -- coming in and moving on -------------------------------------------------------------------

    def _open(self, door: Any) -> None:
        """Take in one connection, and at once what it has sent already."""
        admission, steps = self._admission, self._steps
        if admission.is_exchange(door):
            channel = admission.take()
            if channel is not None:
                steps.take(steps.carry_on, channel)
        else:
            channel = admission.accept(door)
            if channel is not None:
                steps.take(steps.welcome, channel)
        for idle in admission.check_cap():
            self._steps.close(idle)

    def _help_others(self, events: list[tuple[int, int]]) -> bool:
        """Do for other clients what can be done while the application runs.

        In the watcher's thread. Answers are drained; what has something to say goes to an idle
        sibling, if there is one.
        """
        steps = self._steps
        steps.now = time.monotonic()
        if not self._is_lending:
            # New connections would wake the watcher instead of an idle sibling.
            self._is_lending = True
            self._admission.shut()
        has_idle = self._exchange is not None and self._exchange.has_idle(self._steps.now)
        did_something = False
        for fd, _ in events:
            channel = self._reactor.items.get(fd)
            if channel is None or channel.state is State.SERVE:
                continue
            if channel.state is State.DRAIN or channel.state is State.LINGER:
                steps.take(steps.table[channel.state], channel)
                did_something = True
            elif has_idle and channel.state is not State.SHAKE:
                did_something |= self._admission.give(channel)
        if has_idle:
            self._give_waiting()
        return did_something

    def _give_waiting(self) -> None:
        """Give away who waits without the reactor knowing: pipelined, or not accepted yet."""
        for _ in range(len(self._steps.again)):
            channel = self._steps.again.popleft()
            if channel.state is not State.CLOSED and not self._admission.give(channel):
                self._steps.again.append(channel)
        if not self.alive or self._admission.is_full or self.cfg.is_ssl:
            return
        for listener in self.sockets:
            # This worker's wake-up may have been the only one for them.
            while (visitor := self._admission.accept(listener)) is not None:
                visitor.deadline = self._steps.now + self.HEAD_SECONDS
                if not self._admission.give(visitor):
                    self._reactor.watch(visitor, READ)
                    return

    # -- serving -----------------------------------------------------------------------------------

    def _serve(self, channel: Channel, request: Request) -> None:
        channel.request = request
        channel.state = _SERVE
        channel.outcome = _CLOSE
        watcher = self._watcher
        if watcher is None or not watcher.is_wanted:
            others = len(self._reactor.items) - (1 if channel.mask else 0)
            if others or self._ready > 1 or self._steps.again:
                self._have_watched()
        slot = self.tmp
        peer = channel.peer
        if not peer:
            addr, port, _ = channel.connection.peer
            peer = channel.peer = pack_peer(addr, port)
        began = slot.begin_request(request.method, request.path, peer)
        self._serving = self._served = self._served + 1
        self._gate.release()
        try:
            self.handle(channel.listener, channel, channel.addr)
        finally:
            self._serving = 0
            self._gate.acquire()
            # What is granted from here on begins now, however long the application took.
            now = self._steps.now = time.monotonic()
            slot.end_request(now - began)
        if self._is_lending:
            self._is_lending = False
            if self.alive:
                self._admission.open()
        self._steps.settle(channel)

    def _have_watched(self) -> None:
        """See to it that others are helped if this request takes long."""
        if self._watcher is not None:
            self._watcher.is_replaced = True
        self._watcher = handover.Watcher(
            self._gate, lambda: self._serving, self._reactor.wait, self._help_others
        )
        try:
            self._watcher.start()
        except RuntimeError as exc:
            # No thread to be had: the others wait, and are helped next time.
            self._watcher = None
            self.log.debug("Nobody watches over this request: %s", exc)

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve the request that was gathered from ``client``; a seam for subclasses.

        ``client`` is a Channel: the accepted socket to all who ask it, with ``client.request``.
        """
        self.handle_request(listener, client.request, client, addr)

    def handle_request(self, listener: Any, req: Any, client: Any, addr: Any) -> None:
        """Answer ``req``; the other seam for subclasses."""
        self.nr += 1
        if self.nr == self.max_requests:
            self.ask_replacement()
        client.outcome = self._dispatcher.serve(req, client, addr, client.connection.base_environ)
