"""The steps of a channel: what is done when it is ready, by the state it waits in.

    welcome -> [shake] -> read_head -> advance -> [begin_body -> read_body] -> serve
    serve -> settle -> [drain] -> go_on: idle, the next pipelined request, or [linger] and closed

Rules: a step does what can be done at once and leaves the channel in the state in which it waits
for the rest, with a deadline; none waits. What a step raises costs its own connection and nothing
else. Only ``serve``, which is the worker's, occupies anybody.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable

from gunicorn.http import connection, errors, response
from gunicorn.http.body import Body
from gunicorn.http.message import Request
from gunicorn.workers.admission import Admission
from gunicorn.workers.channel import Channel, Outcome, State
from gunicorn.workers.reactor import READ, WRITE, Reactor
from gunicorn.workers.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Steps"]

Step = Callable[[Channel], None]

# What every request passes: an attribute of an enumeration takes three times as long as a name.
_IDLE = State.IDLE
_KEEP, _BREAK, _GONE = Outcome.KEEP, Outcome.BREAK, Outcome.GONE


class Steps:
    """The state machine of one worker's channels; ``table`` has the step for each state."""

    def __init__(
        self,
        worker: Any,
        reactor: Reactor,
        admission: Admission,
        serve: Callable[[Channel, Request], None],
    ) -> None:
        """``worker`` grants the times (``HEAD_SECONDS``...); ``serve`` runs the application."""
        self._worker = self._grants = worker
        self._log = worker.log
        self._tmp_dir = worker.cfg.tmp_upload_dir
        self._keepalive = float(worker.cfg.keepalive)
        self._reactor = reactor
        self._admission = admission
        self._serve = serve
        #: the monotonic instant of this turn
        self.now = time.monotonic()
        #: channels with a pipelined request, which have nothing to wait for
        self.again: deque[Channel] = deque()
        self.table: dict[State, Step] = {
            State.SHAKE: self._shake,
            State.IDLE: self._read_head,
            State.HEAD: self._read_head,
            State.BODY: self._read_body,
            State.DRAIN: self._drain,
            State.LINGER: self._linger,
        }

    def take(self, step: Any, channel: Channel) -> None:
        try:
            step(channel)
        except errors.ClientDisconnected as exc:
            self._log.debug("Ignored premature client disconnection. %s", exc)
            self.close(channel)
        except OSError as exc:
            self._log.debug("Closing connection. %s", exc)
            self.close(channel)
        except Exception:
            # Ours or a subclass's mistake: it must not cost the other connections theirs.
            self._log.exception("Error processing request.")
            channel.reset()
            self.close(channel)

    def welcome(self, channel: Channel) -> None:
        if channel.is_tls:
            channel.deadline = self.now + self._grants.SHAKE_SECONDS
            self._shake(channel)
        else:
            channel.deadline = self.now + self._grants.HEAD_SECONDS
            self._read_head(channel)

    def carry_on(self, channel: Channel) -> None:
        """Go on with a connection where a sibling has left off."""
        if channel.state is State.BODY:
            assert channel.request is not None
            self._take_body(channel, channel.request)
        else:
            self._advance(channel)

    def _shake(self, channel: Channel) -> None:
        try:
            wanted = channel.shake()
        except OSError as exc:
            self._log.debug("Error processing SSL request. %s", exc)
            self.close(channel)
            return
        if wanted:
            self._reactor.watch(channel, READ if wanted == select.POLLIN else WRITE)
            return
        channel.state = State.IDLE
        channel.deadline = self.now + self._grants.HEAD_SECONDS
        self._read_head(channel)

    def _read_head(self, channel: Channel) -> None:
        data = channel.receive()
        if data:
            channel.connection.feed(data)
            self._advance(channel)
        elif data is None:
            # A client that connects and says nothing yet; all others are watched already.
            self._reactor.watch(channel, READ)
        else:
            # The peer has left; a head it began and did not finish is nobody's loss.
            self.close(channel)

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
                channel.deadline = self.now + self._grants.HEAD_SECONDS
            self._reactor.watch(channel, READ)
        elif talk.body_done:
            self._serve(channel, request)
        else:
            self._begin_body(channel, request)

    def resume_all(self) -> None:
        """Serve the pipelined requests that wait now, one of each channel."""
        again = self.again
        for _ in range(len(again)):
            # While one of them is served, the others may be given to a sibling.
            if not again:
                return
            self.take(self._resume, again.popleft())

    def _resume(self, channel: Channel) -> None:
        if channel.state is State.HEAD:
            self._advance(channel)

    def _begin_body(self, channel: Channel, request: Request) -> None:
        talk = channel.connection
        if request.content_length > self._grants.STREAM_ABOVE:
            self._stream(channel, request, None)
            return
        if talk.wants_continue():
            talk.continue_sent()
            channel.send(response.CONTINUE)
        channel.request = request
        channel.state = State.BODY
        channel.began = self.now
        channel.spool = Spool(self._tmp_dir)
        self._take_body(channel, request)

    def _read_body(self, channel: Channel) -> None:
        data = channel.receive()
        if data:
            channel.connection.feed(data)
            assert channel.request is not None
            self._take_body(channel, channel.request)
        elif data is not None:
            # Cut short: the application is not asked to do anything with half a body.
            self._log.debug("Ignored premature client disconnection. Body of %s", channel.addr)
            self.close(channel)

    def _take_body(self, channel: Channel, request: Request) -> None:
        talk, spool = channel.connection, channel.spool
        assert spool is not None
        try:
            while data := talk.take_body():
                spool.write(data)
        except (errors.ProtocolError, OSError) as exc:
            # Their fault, or a disk that is full: which of them is told by the status.
            self._refuse(channel, request, exc)
            return
        if talk.body_done:
            request.body = Body(spool.reader())
            self._serve(channel, request)
        elif spool.size > self._grants.STREAM_ABOVE:
            self._stream(channel, request, spool)
        else:
            channel.deadline = (
                channel.began + self._grants.BODY_SECONDS + spool.size / self._grants.BODY_RATE
            )
            self._reactor.watch(channel, READ)

    def _stream(self, channel: Channel, request: Request, spool: Spool | None) -> None:
        """Serve a request whose body is still arriving; ``spool`` is what has come of it."""
        live = connection.BodyReader(channel.connection, _Continuing(channel))
        request.body = Body(live if spool is None else _Chained(spool.reader(), live))
        self._serve(channel, request)

    def settle(self, channel: Channel) -> None:
        """Decide what becomes of a channel that was served."""
        channel.request = None
        if channel.spool is not None:
            channel.drop_body()
        outcome = channel.outcome
        if outcome is _GONE or outcome is _BREAK:
            channel.reset()
            self.close(channel)
        elif channel.outbox is not None:
            channel.state = State.DRAIN
            channel.deadline = self.now + self._grants.DRAIN_SECONDS
            self._reactor.watch(channel, WRITE)
        else:
            self._go_on(channel)

    def _go_on(self, channel: Channel) -> None:
        """Nothing is left to send: wait for the next request, or end."""
        talk = channel.connection
        if channel.outcome is not _KEEP or talk.closing or not talk.body_done:
            self._finish(channel)
        elif talk.buffered:
            # A pipelined request waits for its turn like everybody's, and until then no more is
            # read: who asks faster than we answer must not fill our memory.
            self._reactor.forget(channel)
            channel.state = State.HEAD
            channel.deadline = self.now + self._grants.HEAD_SECONDS
            self.again.append(channel)
        elif self._admission.is_full:
            # Somebody waits outside who has a request.
            self._finish(channel)
        else:
            if channel.mask != READ:
                self._reactor.watch(channel, READ)
            channel.state = _IDLE
            channel.deadline = self.now + self._keepalive

    def _drain(self, channel: Channel) -> None:
        if channel.flush():
            self._go_on(channel)
        else:
            channel.deadline = self.now + self._grants.DRAIN_SECONDS

    def _refuse(self, channel: Channel, request: Request | None, exc: Exception) -> None:
        """Answer a request that cannot be served; the connection ends with it."""
        channel.drop_body()
        channel.outcome = Outcome.CLOSE
        self._worker.handle_error(request, channel, channel.addr, exc)
        self._wind_up(channel)

    def _wind_up(self, channel: Channel) -> None:
        if channel.outbox is not None:
            channel.state = State.DRAIN
            channel.deadline = self.now + self._grants.DRAIN_SECONDS
            self._reactor.watch(channel, WRITE)
        else:
            self._begin_linger(channel)

    def _finish(self, channel: Channel) -> None:
        """End a connection whose answers are out, without a reset that could destroy them."""
        talk = channel.connection
        if talk.buffered or not talk.body_done or channel.is_tls:
            self._begin_linger(channel)
        else:
            self.close(channel)

    def _begin_linger(self, channel: Channel) -> None:
        # Closing with unread bytes makes the kernel send a reset, which overtakes the answer.
        channel.half_close()
        channel.state = State.LINGER
        channel.deadline = self.now + self._grants.LINGER_SECONDS
        self._reactor.watch(channel, READ)

    def _linger(self, channel: Channel) -> None:
        if channel.receive() == b"":
            self.close(channel)

    def expire(self, channel: Channel) -> None:
        """A deadline has passed: answer if somebody may be listening, and end the connection."""
        if State.IDLE <= channel.state <= State.BODY:
            # While the worker was busy, what the peer sent in time lay unread.
            self.table[channel.state](channel)
            if channel.deadline > self.now:
                return
        if channel.state is State.HEAD or channel.state is State.BODY:
            self._log.debug("Closing connection. %s was too slow", channel.addr)
            channel.drop_body()
            channel.outcome = Outcome.CLOSE
            page = response.error_page(408, errors.REASONS[408], "")
            channel.send(page)
            self._wind_up(channel)
        elif channel.state is not State.SERVE:
            if channel.state is State.DRAIN:
                channel.reset()
            self.close(channel)

    def close(self, channel: Channel) -> None:
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
