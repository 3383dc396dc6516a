"""The gthread worker: the gathering of the sync worker, with applications run by several threads.

    main thread   the turn of ``sync``: waits for all connections, takes them from step to step;
                  a whole request -> _serve -> the pool, or the line when every thread is busy
    pool thread   serves it, settles its channel, takes the next in line

Who may touch what: the gate, a lock, is held by whoever touches channels, steps, reactor and the
tables here. The main thread holds it except while it waits for events, a pool thread only between
two requests. A channel in the state SERVE is its pool thread's; when it becomes readable it is
parked, so that it is not reported for ever.

The deadline of a request: when one has run for ``request_timeout`` seconds (without it, for
``timeout``), the stacks of all threads are logged, its client gets 503 if it has got nothing yet,
and the worker asks for a successor. It takes no new requests, whose clients go to its siblings or
wait for the successor; its other requests finish. The late thread is not waited for.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from types import FrameType

from gunicorn.http import errors
from gunicorn.http.body import EMPTY
from gunicorn.http.message import Request
from gunicorn.workers import deadline, handover
from gunicorn.workers.channel import Channel, Outcome, State
from gunicorn.workers.reactor import READ
from gunicorn.workers.spool import Spool
from gunicorn.workers.sync import SyncWorker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ThreadWorker"]


class Answer:
    """What the dispatcher writes to for one request: its channel, until the deadline has passed.

    To its application it is the client. The first who takes the only ticket may answer: the
    application or the deadline.
    """

    __slots__ = (
        "_tickets",
        "channel",
        "is_answered_late",
        "request",
        "response",
        "send",
        "started",
        "thread",
    )

    def __init__(self, channel: Channel, request: Request) -> None:
        self.channel = channel
        self.request = request
        #: the response the dispatcher builds
        self.response: Any = None
        self.started = 0.0
        #: the ident of the thread, 0 while in line
        self.thread = 0
        #: the deadline was faster than the application
        self.is_answered_late = False
        self._tickets = [None]
        self.send = self._send_first

    def __getattr__(self, name: str) -> Any:
        return getattr(self.channel, name)

    def take_ticket(self) -> bool:
        """Whether nobody has answered yet; from now on the caller has. One bytecode: atomic."""
        try:
            self._tickets.pop()
        except IndexError:
            return False
        return True

    def _begin(self) -> None:
        if not self.take_ticket():
            # Nothing of the application's was sent: it has no line in the access log either.
            if self.response is not None:
                self.response.headers_sent = False
            raise errors.ClientDisconnected("the request was answered at its deadline")
        self.send = self.channel.send

    def _send_first(self, data: bytes) -> int:
        self._begin()
        return self.channel.send(data)

    @property
    def sendall(self) -> Any:
        return self.send

    def send_many(self, pieces: list[bytes]) -> None:
        if self._tickets:
            self._begin()
        self.channel.send_many(pieces)

    def send_file(self, file: Any, offset: int, count: int) -> int | None:
        # The head has been sent before, and the ticket taken with it.
        return self.channel.send_file(file, offset, count)


class ThreadWorker(SyncWorker):
    """Serves ``threads`` requests at the same time."""

    IS_MULTITHREAD = True

    def _set_up(self) -> None:
        super()._set_up()
        self._count = max(1, int(self.cfg.threads))
        self._jobs: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        #: requests that wait for a thread, oldest first
        self._line: deque[Answer] = deque()
        #: requests that have a thread; those past their deadline are no more among them
        limit = float(self.cfg.request_timeout or self.cfg.timeout)
        self._running = deadline.UnderWay(self.tmp, limit)
        self._idle_threads = 0
        self._own = threading.local()
        #: a thread was late: others serve, or will
        self._is_condemned = False
        #: how many requests were served when the full pool was last seen to finish something, and
        #: from when on it counts as stuck if it does not
        self._served_before = -1
        self._stuck_at = 0.0

    # -- what a response needs to know ------------------------------------------------------------

    @property
    def answering(self) -> Any:
        """The response of this thread."""
        answer = getattr(self._own, "answer", None) if "_own" in self.__dict__ else None
        return None if answer is None else answer.response

    @answering.setter
    def answering(self, response: Any) -> None:
        if response is not None:
            self._own.answer.response = response

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        for answer in self._running:
            if answer.response is not None and not answer.response.headers_sent:
                answer.response.force_close()

    # -- the turn of the main thread --------------------------------------------------------------

    def _turn(self, wait: bool = True) -> None:
        reactor, steps = self._reactor, self._steps
        again = steps.again
        is_full = len(self._running) >= self._count
        now = time.monotonic()
        if self.alive and not self._is_condemned:
            self._idle_at[self._place] = -now if is_full else now
        interval = self._interval if wait and not again else 0.0
        if is_full or self._is_condemned:
            interval = min(interval, handover.TICK)
        self._gate.release()
        try:
            events = reactor.wait(interval)
        finally:
            self._gate.acquire()
        steps.now = time.monotonic()
        self.notify()
        is_stuck = self._is_stuck() if is_full or self._is_lending else False
        items, take, table = reactor.items, steps.take, steps.table
        others = []
        for fd, _ in events:
            channel = items.get(fd)
            if channel is None:
                others.append(fd)
            elif channel.state is State.SERVE:
                reactor.park(channel)
            elif not ((is_stuck or self._is_condemned) and self._pass_on(channel)):
                take(table[channel.state], channel)
        steps.resume_all()
        for fd in others:
            door = reactor.listeners.get(fd)
            if door is not None:
                self._open(door)
            else:
                reactor.is_waker(fd)
        if is_stuck and self._line and self._has_idle_sibling():
            self._pass_on_line()
        if self._is_condemned and self.alive:
            self._pass_on_parked()

    def _is_stuck(self) -> bool:
        """Whether the pool has been full for TICK seconds without finishing anything.

        Then new connections are left to the siblings, until there is a free thread.
        """
        if len(self._running) < self._count:
            if self._is_lending:
                self._take_back()
            return False
        if self._served != self._served_before:
            self._served_before = self._served
            self._stuck_at = self._steps.now + handover.TICK
        if self._steps.now < self._stuck_at:
            return False
        if not self._is_lending and self.cfg.workers > 1:
            self._is_lending = True
            self._admission.shut()
        return True

    def _take_back(self) -> None:
        self._is_lending = False
        if self.alive and not self._is_condemned:
            self._admission.open()

    def _has_idle_sibling(self) -> bool:
        return self._exchange is not None and self._exchange.has_idle(self._steps.now)

    def _pass_on(self, channel: Channel) -> bool:
        """Let a sibling read what has come, if there is one; a condemned worker reads nothing."""
        if not State.IDLE <= channel.state <= State.BODY:
            return False
        if self._is_condemned and self.alive:
            self._reactor.park(channel)
            return True
        return self._has_idle_sibling() and self._admission.give(channel)

    def _pass_on_line(self) -> None:
        """Give the requests in line to siblings."""
        for answer in list(self._line):
            channel, request = answer.channel, answer.request
            if not channel.connection.body_done:
                continue  # its application is to read the rest from here
            # A body of nothing that is complete: a sibling that carries on with it serves it.
            if channel.spool is None:
                channel.spool = Spool(self.cfg.tmp_upload_dir)
            body = request.__dict__.pop("body", EMPTY)
            channel.state = State.BODY
            if self._admission.give(channel):
                self._line.remove(answer)
            else:
                channel.state = State.SERVE
                request.body = body

    def _pass_on_parked(self) -> None:
        """Give the clients whose requests this worker does not take to whoever takes them."""
        if self._exchange is None or not self._exchange.has_takers(self._steps.now):
            return
        for channel in list(self._reactor.items.values()):
            if not channel.mask and State.IDLE <= channel.state <= State.BODY:
                self._admission.give(channel)

    # -- serving ---------------------------------------------------------------------------------

    def _serve(self, channel: Channel, request: Request) -> None:
        channel.request = request
        channel.state = State.SERVE
        channel.outcome = Outcome.CLOSE
        self._reactor.hold(channel)
        self.nr += 1
        if self.nr == self.max_requests:
            self.ask_replacement()
        self._line.append(Answer(channel, request))
        self._take_from_line()

    def _take_from_line(self) -> None:
        """Give requests to threads, as long as there are both."""
        while self._line and len(self._running) < self._count:
            if self._idle_threads:
                self._idle_threads -= 1
            else:
                threading.Thread(target=self._work, name="gunicorn-pool", daemon=True).start()
            self._jobs.put(self._begin_next())

    def _begin_next(self) -> Answer:
        answer = self._line.popleft()
        self._running.begin(answer)
        return answer

    def _work(self) -> None:
        """Serve one request after the other, in a thread of the pool."""
        while True:
            answer: Answer | None = self._jobs.get()
            while answer is not None:
                self._own.answer = answer
                answer.thread = threading.get_ident()
                try:
                    self.handle(answer.channel.listener, answer, answer.channel.addr)
                except BaseException:
                    # A subclass's mistake: it must not cost the pool a thread.
                    self.log.exception("Error processing request.")
                    answer.channel.outcome = Outcome.BREAK
                with self._gate:
                    answer = self._finish(answer)

    def handle_request(self, listener: Any, req: Any, client: Any, addr: Any) -> None:
        """Answer ``req``, in a thread of the pool; ``client`` is an :class:`Answer`."""
        client.channel.outcome = self._dispatcher.serve(
            req, client, addr, client.connection.base_environ
        )

    def _finish(self, answer: Answer) -> Answer | None:
        """Settle what was served; returns the next request for this thread."""
        steps, channel = self._steps, answer.channel
        steps.now = time.monotonic()
        self._served += 1
        self._running.end(answer, steps.now)
        if answer.is_answered_late:
            channel.close()
        else:
            steps.take(steps.settle, channel)
        if self._line and len(self._running) < self._count:
            return self._begin_next()
        self._idle_threads += 1
        if self._is_lending:
            self._take_back()
        if steps.again or self._is_condemned or not self.alive:
            self._reactor.wake()
        return None

    # -- deadlines -------------------------------------------------------------------------------

    def _tend(self) -> bool:
        is_due = self._steps.now >= self._next_look
        has_master = super()._tend()
        if is_due and (late := self._running.take_late(self._steps.now)):
            for answer in late:
                self._end_late(answer)
            # A late thread may never come back: another one takes its place.
            self._take_from_line()
        return has_master

    def _end_late(self, answer: Answer) -> None:
        """Answer for an application that has not, and have this worker replaced."""
        channel = answer.channel
        if not self._is_condemned:
            self._is_condemned = True
            self._idle_at[self._place] = 0.0
            self._admission.shut()
            self.tmp.ask_replacement()
        stacks = deadline.stacks_of_threads(answer.thread)
        deadline.tell_late(self, answer, self._steps.now, stacks)
        if answer.take_ticket():
            answer.is_answered_late = True
            # Nobody waits for its end.
            self._reactor.forget(channel)
            self._send_late(answer)

    def _send_late(self, answer: Answer) -> None:
        """Say 503, best effort, while the thread still has the channel."""
        request, channel = answer.request, answer.channel
        if channel.is_tls and not channel.connection.body_done:
            return  # its thread may be reading, and OpenSSL is for one thread at a time
        page = deadline.late_page(request)
        try:
            channel.sock.send(page)
            channel.half_close()
        except OSError as exc:
            self.log.debug("Failed to send error message. %s", exc)
        if self.log.access_wanted:
            status = f"503 {errors.REASONS[503]}"
            self._log_error_access(request, channel.addr, status, len(page), answer.started)

    # -- the end ---------------------------------------------------------------------------------

    def _leaving(self) -> Iterator[bool]:
        for channel in self._reactor.items.values():
            if not channel.mask and (channel.state is State.HEAD or channel.state is State.BODY):
                self._reactor.watch(channel, READ)
        yield from super()._leaving()

    def _part_with(self, channel: Channel, has_time: bool) -> None:
        # A thread writes its head while the main one is about to hear of TERM: what it promised
        # just now, another request, is kept.
        is_promised = channel.state is State.IDLE and channel.connection.requests
        since = self._steps.now - channel.deadline + float(self.cfg.keepalive)
        if is_promised and since < self.FRESH_SECONDS and has_time and not self._has_takers():
            return
        super()._part_with(channel, has_time)

    def _tear_down(self) -> None:
        for channel in list(self._reactor.items.values()):
            # The threads end with the process; until then their descriptors stay theirs.
            if channel.state is State.SERVE:
                self._reactor.forget(channel)
        super()._tear_down()
