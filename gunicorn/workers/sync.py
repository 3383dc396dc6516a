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
import ssl
import time
from collections import deque
from typing import Any

from gunicorn import tls
from gunicorn.http import connection, environ, errors, response
from gunicorn.http.body import Body
from gunicorn.http.limits import Policy
from gunicorn.http.message import Request
from gunicorn.http.proxy import Peer
from gunicorn.http.wsgi import FileWrapper
from gunicorn.workers import base
from gunicorn.workers.channel import Channel, Outcome, State, TLSChannel
from gunicorn.workers.dispatch import Dispatcher
from gunicorn.workers.reactor import READ, WRITE, Reactor
from gunicorn.workers.spool import Held, Spool

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
    #: longer bodies are given to the application while they arrive
    STREAM_ABOVE = 64 * 1024 * 1024
    #: a worker at its cap accepts again when it holds this part of it
    RESUME_AT = 0.9

    def run(self) -> None:
        """Serve until told to stop, then finish what has begun."""
        self._set_up()
        try:
            while self.alive and self._tend():
                self._turn()
            self._leave_gracefully()
        finally:
            self._tear_down()

    # -- set-up ------------------------------------------------------------------------------------

    def _set_up(self) -> None:
        cfg = self.cfg
        self._policy = Policy.from_config(cfg, os.environ.get("SCRIPT_NAME", ""))
        self._dispatcher = Dispatcher(self, self._policy)
        self._tls: ssl.SSLContext | None = tls.server_context(cfg) if cfg.is_ssl else None
        waker = (self.PIPE[0], self.PIPE[1]) if self.PIPE else (-1, -1)
        self._reactor = Reactor(waker)
        self._held = Held()
        #: channels that have something to do without anything to wait for
        self._again: deque[Channel] = deque()
        self._facts = {
            listener.fileno(): environ.Listener.from_sockname(listener.getsockname())
            for listener in self.sockets
        }
        self._keepalive = float(cfg.keepalive)
        self._cap = int(cfg.worker_connections)
        self._is_full = False
        self._now = time.monotonic()
        self._next_look = self._now
        # The heartbeat must advance while nothing happens; without a timeout nobody looks at it.
        self._interval = min(self.timeout or 1.0, 1.0)
        self._steps = {
            State.SHAKE: self._shake,
            State.IDLE: self._read_head,
            State.HEAD: self._read_head,
            State.BODY: self._read_body,
            State.DRAIN: self._drain,
            State.LINGER: self._linger,
        }
        self._reactor.add_listeners(self.sockets)

    def _tear_down(self) -> None:
        for channel in list(self._reactor.items.values()):
            self._close(channel)
        self._reactor.close()

    # -- the loop ----------------------------------------------------------------------------------

    def _turn(self, wait: bool = True) -> None:
        """Wait, and take everything that is ready one step further."""
        reactor = self._reactor
        events = reactor.wait(self._interval if wait and not self._again else 0.0)
        self._now = time.monotonic()
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
                self._accept(listener)
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
        self._next_look = self._now + 1.0
        for channel in self._reactor.overdue(self._now):
            self._step(self._expire, channel)
        return self.is_parent_alive()

    def _leave_gracefully(self) -> None:
        """Finish the requests that have begun, for ``graceful_timeout`` seconds at most."""
        reactor = self._reactor
        reactor.remove_listeners()
        deadline = self._now + self.cfg.graceful_timeout
        fresh_until = self._now + self.FRESH_SECONDS
        self._interval = min(self._interval, self.FRESH_SECONDS)
        wait = False
        while self._now < deadline:
            # What is ready now has begun: it is read before anything idle is closed.
            self._turn(wait)
            wait = True
            for channel in list(reactor.items.values()):
                # Between two requests a client expects its connection to end at any time; before
                # the first it does not, and its request is on the way.
                is_fresh = not channel.connection.requests and self._now < fresh_until
                if channel.state in (State.IDLE, State.SHAKE) and not is_fresh:
                    self._close(channel)
            if not reactor.items:
                return
            self._tend()
        self.log.warning(
            "Worker graceful timeout (pid:%s): %d connections closed", self.pid, len(reactor.items)
        )

    # -- accepting ---------------------------------------------------------------------------------

    def _accept(self, listener: Any) -> None:
        """Take one connection, and at once what it has sent already."""
        try:
            sock, addr = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # a sibling was faster, or the peer has left
        except OSError as exc:
            # Out of descriptors: the same as being full, until connections are closed.
            self._pause(f"cannot accept: {exc}")
            return
        sock.setblocking(False)
        peer = Peer.from_address(addr)
        policy = self._policy
        if self._tls is not None:
            sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        variables = environ.base_environ(
            policy,
            self._facts[listener.fileno()],
            peer,
            sock,
            multiprocess=self.cfg.workers > 1,
            file_wrapper=FileWrapper,
        )
        talk = connection.Connection(policy, peer, variables)
        kind = Channel if self._tls is None else TLSChannel
        channel = kind(sock, listener, addr, talk, self._held, self.cfg.tmp_upload_dir)
        channel.allows_sendfile = self.cfg.sendfile is not False
        channel.attend(self.notify, self.PATIENCE_SECONDS)
        if self._tls is not None:
            channel.state = State.SHAKE
            channel.deadline = self._now + self.SHAKE_SECONDS
            self._step(self._shake, channel)
        else:
            channel.deadline = self._now + self.HEAD_SECONDS
            self._step(self._read_head, channel)
        if len(self._reactor.items) >= self._cap:
            self._make_room()

    def _make_room(self) -> None:
        """At the cap: close connections that only wait for another request, or stop accepting."""
        idle = [
            channel
            for channel in self._reactor.items.values()
            if channel.state is State.IDLE and channel.connection.requests
        ]
        idle.sort(key=lambda channel: channel.deadline)
        for channel in idle[: max(1, self._cap // 20)]:
            self._close(channel)
        if not idle:
            self._pause("worker_connections")

    def _pause(self, reason: str) -> None:
        if not self._is_full:
            self._is_full = True
            self._reactor.remove_listeners()
            self.log.warning(
                "Worker holds %d connections, no longer accepting (%s)",
                len(self._reactor.items),
                reason,
            )

    def _resume_accepting(self) -> None:
        self._is_full = False
        if self.alive:
            self._reactor.add_listeners(self.sockets)
            self.log.info("Worker holds %d connections, accepting again", len(self._reactor.items))

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
        channel.outcome = Outcome.BREAK
        slot = self.tmp
        slot.begin_request()
        try:
            self.handle(channel.listener, channel, channel.addr)
        finally:
            slot.end_request()
        self._settle(channel)

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
        if talk.buffered or not talk.body_done:
            self._begin_linger(channel)
            return
        if channel.is_tls:
            channel.half_close()
        self._close(channel)

    def _begin_linger(self, channel: Channel) -> None:
        # Closing with unread bytes makes the kernel send a reset, which overtakes the answer.
        channel.half_close()
        channel.state = State.LINGER
        channel.deadline = self._now + self.LINGER_SECONDS
        self._reactor.watch(channel, READ)

    def _linger(self, channel: Channel) -> None:
        if channel.sock.recv(65536) == b"":
            self._close(channel)

    def _expire(self, channel: Channel) -> None:
        """A deadline has passed: answer if somebody may be listening, and end the connection."""
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
        if channel.state is State.CLOSED:
            return
        reactor = self._reactor
        reactor.forget(channel)
        channel.close()
        if self._is_full and len(reactor.items) <= self._cap * self.RESUME_AT:
            self._resume_accepting()


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
