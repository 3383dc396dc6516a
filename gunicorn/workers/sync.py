"""The sync worker: one request at a time, but never one client at a time.

    run -> turn: wait for the reactor, take each ready channel one step, then accept
      read_head -> advance -> [begin_body -> read_body] -> serve -> handle -> handle_request
                                                             -> settle -> drain | idle | finish

Heads and bodies are gathered, and answers drained, by the reactor: only the application occupies
the worker. The steps are methods, one for each state a channel can wait in (``channel.State``); an
exception in a step costs its own connection and nothing else.

Order in a turn: clients that are here before clients that wait outside, because what is not
accepted stays in the kernel's queue, where any worker may take it.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from typing import Any, ClassVar

from gunicorn.http import connection, errors, response
from gunicorn.http.body import Body
from gunicorn.http.limits import Policy
from gunicorn.http.message import Request
from gunicorn.workers import base, handover
from gunicorn.workers.admission import Admission
from gunicorn.workers.channel import Channel, Outcome, State, TLSChannel
from gunicorn.workers.dispatch import Dispatcher
from gunicorn.workers.reactor import READ, WRITE, Reactor
from gunicorn.workers.spool import Spool

__all__ = ["SyncWorker"]


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
    #: a peer that an application itself waits for (a streamed body, a full outbox)
    PATIENCE_SECONDS = 30.0
    #: between two looks at the deadlines of all connections
    LOOK_SECONDS = 1.0
    #: longer bodies are given to the application while they arrive
    STREAM_ABOVE = 64 * 1024 * 1024

    #: what siblings share; None where nobody has called ``prepare``
    exchange: ClassVar[handover.Exchange | None] = None

    @classmethod
    def prepare(cls, cfg: Any) -> None:
        """Called in the master before the first fork: make what all workers share."""
        if cls.exchange is None:
            cls.exchange = handover.Exchange()

    def run(self) -> None:
        """Serve until told to stop, then finish what has begun."""
        self._admission.open()
        try:
            while self.alive and self._tend():
                self._turn()
            self._leave_gracefully()
        finally:
            self._tear_down()

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
        #: channels that have something to do without anything to wait for
        self._again: deque[Channel] = deque()
        self._keepalive = float(cfg.keepalive)
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
        self._now = time.monotonic()
        self._next_look = self._now
        # The heartbeat must advance while nothing happens; without a timeout nobody looks at it.
        self._interval = min(self.timeout or self.LOOK_SECONDS, self.LOOK_SECONDS)
        self._steps = {
            State.SHAKE: self._shake,
            State.IDLE: self._read_head,
            State.HEAD: self._read_head,
            State.BODY: self._read_body,
            State.DRAIN: self._drain,
            State.LINGER: self._linger,
        }
        # Where this worker notes that it is idle; nobody reads it without an exchange. Noted before
        # the master hears that we are ready and tells others to leave: they ask who stays.
        self._idle_at: Any = [0.0] if exchange is None else exchange.idle_at
        self._place = 0 if exchange is None else exchange.place(self.age)
        self._idle_at[self._place] = -self._now

    def _tear_down(self) -> None:
        if self._watcher is not None:
            self._watcher.is_replaced = True
        for channel in list(self._reactor.items.values()):
            self._close(channel)
        # The watcher may be listening to it for a moment longer: it is closed with the process.

    # -- the loop ----------------------------------------------------------------------------------

    def _turn(self, wait: bool = True) -> None:
        """Wait, and take everything that is ready one step further."""
        reactor = self._reactor
        if self.alive:
            self._idle_at[self._place] = time.monotonic()
        events = reactor.wait(self._interval if wait and not self._again else 0.0)
        self._now = time.monotonic()
        self._idle_at[self._place] = -self._now if self.alive else 0.0
        self._ready = len(events)
        self.notify()
        items = reactor.items
        steps = self._steps
        others = []
        for fd, _ in events:
            channel = items.get(fd)
            if channel is None:
                others.append(fd)
            else:
                self._step(steps[channel.state], channel)
        for _ in range(len(self._again)):
            self._step(self._resume, self._again.popleft())
        for fd in others:
            listener = reactor.listeners.get(fd)
            if listener is not None:
                self._open(listener)
            else:
                reactor.is_waker(fd)

    def _step(self, step: Any, channel: Channel) -> None:
        try:
            step(channel)
        except errors.ClientDisconnected as exc:
            self.log.debug("Ignored premature client disconnection. %s", exc)
            self._close(channel)
        except OSError as exc:
            self.log.debug("Closing connection. %s", exc)
            self._close(channel)
        except Exception:
            # Ours or a subclass's mistake: it must not cost the other connections theirs.
            self.log.exception("Error processing request.")
            channel.reset()
            self._close(channel)

    def _tend(self) -> bool:
        """Look after deadlines once a second; False when the master has gone."""
        if self._now < self._next_look:
            return True
        self._next_look = self._now + self.LOOK_SECONDS
        for channel in self._reactor.overdue(self._now):
            self._step(self._expire, channel)
        self._admission.check_room()
        return self.is_parent_alive()

    def _leave_gracefully(self) -> None:
        """Finish the requests that have begun, for ``graceful_timeout`` seconds at most."""
        items = self._reactor.items
        self._admission.shut()
        self.tmp.mark_leaving()
        self._idle_at[self._place] = 0.0
        # A little less than the master grants, which kills at the end of it.
        deadline = self._now + self.cfg.graceful_timeout * 0.95
        fresh_until = self._now + self.FRESH_SECONDS
        wait = False
        while self._now < deadline:
            # What is ready now has begun: it is read before anything idle is closed.
            self._turn(wait)
            for channel in list(items.values()):
                if channel.state is State.IDLE or channel.state is State.SHAKE:
                    self._part_with(channel, self._now < fresh_until)
            if not items and not self._again:
                return
            wait = True
            self._interval = handover.TICK if self._now < fresh_until else 0.5
            self._tend()
        self.log.warning("Worker graceful timeout (pid:%s)", self.pid)

    def _part_with(self, channel: Channel, has_time: bool) -> None:
        """Give an idle connection to a sibling, so that its client notices nothing, or close it.

        Between two requests a client expects its connection to end at any time; before the first it
        does not, and its request is on the way.
        """
        is_fresh = not channel.connection.requests
        exchange = self._exchange
        if exchange is not None and not channel.is_tls and exchange.has_takers(self._now):
            if self._admission.give(channel):
                return
            # The queue is full for the moment: siblings are taking.
            is_fresh = True
        if not (is_fresh and has_time):
            self._close(channel)

    # -- coming in and moving on -------------------------------------------------------------------

    def _open(self, door: Any) -> None:
        """Take in one connection, and at once what it has sent already."""
        admission = self._admission
        if admission.is_exchange(door):
            channel = admission.take()
            if channel is not None:
                self._step(self._carry_on, channel)
        else:
            channel = admission.accept(door)
            if channel is not None:
                self._step(self._welcome, channel)
        for idle in admission.check_cap():
            self._close(idle)

    def _welcome(self, channel: Channel) -> None:
        if channel.is_tls:
            channel.deadline = self._now + self.SHAKE_SECONDS
            self._shake(channel)
        else:
            channel.deadline = self._now + self.HEAD_SECONDS
            self._read_head(channel)

    def _carry_on(self, channel: Channel) -> None:
        """Go on with a connection where a sibling has left off."""
        if channel.state is State.BODY:
            assert channel.request is not None
            self._take_body(channel, channel.request)
        else:
            self._advance(channel)

    def _help_others(self, events: list[tuple[int, int]]) -> bool:
        """Do for other clients what can be done while the application runs.

        In the watcher's thread. Answers are drained; what has something to say goes to an idle
        sibling, if there is one.
        """
        self._now = time.monotonic()
        if not self._is_lending:
            # New connections would wake the watcher instead of an idle sibling.
            self._is_lending = True
            self._admission.shut()
        has_idle = self._exchange is not None and self._exchange.has_idle(self._now)
        did_something = False
        for fd, _ in events:
            channel = self._reactor.items.get(fd)
            if channel is None or channel.state is State.SERVE:
                continue
            if channel.state is State.DRAIN or channel.state is State.LINGER:
                self._step(self._steps[channel.state], channel)
                did_something = True
            elif has_idle and channel.state is not State.SHAKE:
                did_something |= self._admission.give(channel)
        if has_idle:
            self._give_waiting()
        return did_something

    def _give_waiting(self) -> None:
        """Give away who waits without the reactor knowing: pipelined, or not accepted yet."""
        for _ in range(len(self._again)):
            channel = self._again.popleft()
            if channel.state is not State.CLOSED and not self._admission.give(channel):
                self._again.append(channel)
        if not self.alive or self._admission.is_full or self.cfg.is_ssl:
            return
        for listener in self.sockets:
            # This worker's wake-up may have been the only one for them.
            while (visitor := self._admission.accept(listener)) is not None:
                visitor.deadline = self._now + self.HEAD_SECONDS
                if not self._admission.give(visitor):
                    self._reactor.watch(visitor, READ)
                    return

    # -- the steps of a channel --------------------------------------------------------------------

    def _shake(self, channel: Channel) -> None:
        assert isinstance(channel, TLSChannel)
        try:
            wanted = channel.shake()
        except OSError as exc:
            self.log.debug("Error processing SSL request. %s", exc)
            self._close(channel)
            return
        if wanted:
            self._reactor.watch(channel, READ if wanted == select.POLLIN else WRITE)
            return
        channel.state = State.IDLE
        channel.deadline = self._now + self.HEAD_SECONDS
        self._read_head(channel)

    def _read_head(self, channel: Channel) -> None:
        data = channel.receive()
        if data:
            channel.connection.feed(data)
            self._advance(channel)
        elif data is None:
            self._reactor.watch(channel, READ)
        elif channel not in self._again:
            # (A peer that ended after a pipeline is answered first; its end is reported again.)
            # The peer has left; a head it began and did not finish is nobody's loss.
            self._close(channel)

    def _advance(self, channel: Channel) -> None:
        """Serve the next request if it is there; wait for more of it otherwise."""
        talk = channel.connection
        try:
            request = talk.next_request()
        except errors.ProtocolError as exc:
            self._refuse(channel, None, exc)
            return
        if request is None:
            if channel.state is State.IDLE and not talk.is_idle:
                channel.state = State.HEAD
                channel.deadline = self._now + self.HEAD_SECONDS
            self._reactor.watch(channel, READ)
        elif talk.body_done:
            self._serve(channel, request)
        else:
            self._begin_body(channel, request)

    _resume = _advance

    def _begin_body(self, channel: Channel, request: Request) -> None:
        talk = channel.connection
        if request.content_length > self.STREAM_ABOVE:
            self._stream(channel, request, None)
            return
        if talk.wants_continue():
            talk.continue_sent()
            channel.send(response.CONTINUE)
        channel.request = request
        channel.state = State.BODY
        channel.began = self._now
        channel.spool = Spool(self.cfg.tmp_upload_dir)
        self._take_body(channel, request)

    def _read_body(self, channel: Channel) -> None:
        data = channel.receive()
        if data:
            channel.connection.feed(data)
            assert channel.request is not None
            self._take_body(channel, channel.request)
        elif data is not None:
            # Cut short: the application is not asked to do anything with half a body.
            self.log.debug("Ignored premature client disconnection. Body of %s", channel.addr)
            self._close(channel)

    def _take_body(self, channel: Channel, request: Request) -> None:
        talk, spool = channel.connection, channel.spool
        assert spool is not None
        try:
            while data := talk.take_body():
                spool.write(data)
        except errors.ProtocolError as exc:
            self._refuse(channel, request, exc)
            return
        if talk.body_done:
            request.body = Body(spool.reader())
            self._serve(channel, request)
        elif spool.size > self.STREAM_ABOVE:
            self._stream(channel, request, spool)
        else:
            channel.deadline = channel.began + self.BODY_SECONDS + spool.size / self.BODY_RATE
            self._reactor.watch(channel, READ)

    def _stream(self, channel: Channel, request: Request, spool: Spool | None) -> None:
        """Serve a request whose body is still arriving; ``spool`` is what has come of it."""
        live = connection.BodyReader(channel.connection, _Continuing(channel))
        request.body = Body(live if spool is None else _Chained(spool.reader(), live))
        self._serve(channel, request)

    # -- serving -----------------------------------------------------------------------------------

    def _serve(self, channel: Channel, request: Request) -> None:
        channel.request = request
        channel.state = State.SERVE
        channel.outcome = Outcome.CLOSE
        others = len(self._reactor.items) - (1 if channel.mask else 0)
        if others or self._ready > 1 or self._again:
            self._have_watched()
        slot = self.tmp
        slot.begin_request()
        self._serving = self._served = self._served + 1
        self._gate.release()
        try:
            self.handle(channel.listener, channel, channel.addr)
        finally:
            self._serving = 0
            self._gate.acquire()
            slot.end_request()
        if self._is_lending:
            self._is_lending = False
            self._now = time.monotonic()
            if self.alive:
                self._admission.open()
        self._settle(channel)

    def _have_watched(self) -> None:
        """See to it that others are helped if this request takes long."""
        watcher = self._watcher
        if watcher is None or not watcher.is_wanted:
            if watcher is not None:
                watcher.is_replaced = True
            self._watcher = handover.Watcher(
                self._gate, lambda: self._serving, self._reactor.wait, self._help_others
            )
            self._watcher.start()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve the request that was gathered from ``client``; a seam for subclasses.

        ``client`` is a Channel: the accepted socket to all who ask it, with ``client.request``.
        """
        self.handle_request(listener, client.request, client, addr)

    def handle_request(self, listener: Any, req: Any, client: Any, addr: Any) -> None:
        """Answer ``req``; the other seam for subclasses."""
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        client.outcome = self._dispatcher.serve(req, client, addr, client.connection.base_environ)

    def _settle(self, channel: Channel) -> None:
        """Decide what becomes of a channel that was served."""
        channel.request = None
        if channel.spool is not None:
            channel.drop_body()
        outcome = channel.outcome
        if outcome is Outcome.GONE or outcome is Outcome.BREAK:
            channel.reset()
            self._close(channel)
        elif channel.outbox is not None:
            channel.state = State.DRAIN
            channel.deadline = self._now + self.DRAIN_SECONDS
            self._reactor.watch(channel, WRITE)
        else:
            self._go_on(channel)

    def _go_on(self, channel: Channel) -> None:
        """Nothing is left to send: wait for the next request, or end."""
        talk = channel.connection
        if channel.outcome is not Outcome.KEEP or talk.closing or not talk.body_done:
            self._finish(channel)
            return
        if self._admission.is_full and not talk.buffered:
            # Somebody waits outside who has a request.
            self._finish(channel)
            return
        self._reactor.watch(channel, READ)
        if talk.buffered:
            # A pipelined request waits for its turn like everybody's.
            channel.state = State.HEAD
            channel.deadline = self._now + self.HEAD_SECONDS
            self._again.append(channel)
        else:
            channel.state = State.IDLE
            channel.deadline = self._now + self._keepalive

    def _drain(self, channel: Channel) -> None:
        if channel.flush():
            self._go_on(channel)
        else:
            channel.deadline = self._now + self.DRAIN_SECONDS

    def _refuse(self, channel: Channel, request: Request | None, exc: Exception) -> None:
        """Answer a request that cannot be served; the connection ends with it."""
        channel.drop_body()
        channel.outcome = Outcome.CLOSE
        self.handle_error(request, channel, channel.addr, exc)
        self._wind_up(channel)

    def _wind_up(self, channel: Channel) -> None:
        if channel.outbox is not None:
            channel.state = State.DRAIN
            channel.deadline = self._now + self.DRAIN_SECONDS
            self._reactor.watch(channel, WRITE)
        else:
            self._begin_linger(channel)

    def _finish(self, channel: Channel) -> None:
        """End a connection whose answers are out, without a reset that could destroy them."""
        talk = channel.connection
        if talk.buffered or not talk.body_done or channel.is_tls:
            self._begin_linger(channel)
        else:
            self._close(channel)

    def _begin_linger(self, channel: Channel) -> None:
        # Closing with unread bytes makes the kernel send a reset, which overtakes the answer.
        channel.half_close()
        channel.state = State.LINGER
        channel.deadline = self._now + self.LINGER_SECONDS
        self._reactor.watch(channel, READ)

    def _linger(self, channel: Channel) -> None:
        if channel.receive() == b"":
            self._close(channel)

    def _expire(self, channel: Channel) -> None:
        """A deadline has passed: answer if somebody may be listening, and end the connection."""
        if State.IDLE <= channel.state <= State.BODY:
            # While the worker was busy, what the peer sent in time lay unread.
            self._steps[channel.state](channel)
            if channel.deadline > self._now:
                return
        if channel.state is State.HEAD or channel.state is State.BODY:
            self.log.debug("Closing connection. %s was too slow", channel.addr)
            channel.drop_body()
            channel.outcome = Outcome.CLOSE
            page = response.error_page(408, errors.REASONS[408], "")
            channel.send(page)
            self._wind_up(channel)
        elif channel.state is not State.SERVE:
            if channel.state is State.DRAIN:
                channel.reset()
            self._close(channel)

    def _close(self, channel: Channel) -> None:
        if channel.state is not State.CLOSED:
            self._reactor.forget(channel)
            channel.close()
            self._admission.check_room()


class _Continuing:
    """Receives more of a streamed body, having told the client to send it if it waits for that."""

    __slots__ = ("_channel",)

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __call__(self) -> bytes:
        channel = self._channel
        if channel.connection.wants_continue():
            channel.connection.continue_sent()
            channel.send(response.CONTINUE)
        return channel.wait_more()


class _Chained:
    """Reads one source to its end, then the other."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Any, second: Any) -> None:
        self._first = first
        self._second = second

    def read(self, size: int) -> bytes:
        data: bytes = self._first.read(size)
        return data or self._second.read(size)
