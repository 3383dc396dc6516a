"""Workers whose requests each have a green thread: the loop of a connection, and the raw socket.

    handle   one connection, from its first byte (under TLS, from its handshake) to its last
      handle_request   one request: ``dispatch``, as in every worker

A green thread waits for its client by calls that look as if they blocked, so there is no state to
keep between them and nothing is gathered beforehand. Rules: a subclass gives ``run`` and the one
way to wait that sockets do not have; here no library is known. Every wait has a deadline, set as
the timeout of the socket. Whatever a connection raises costs that connection and nothing else.

An application may take ``environ["gunicorn.socket"]``, speak whatever it likes on it, and return
``ALREADY_HANDLED``: then nothing more is sent for it and nothing logged.

With ``request_timeout`` a request has a deadline: the main green thread looks once a second who is
late, answers 503 in its place and ends it by an exception, and has the worker replaced.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from types import FrameType

from gunicorn import tls
from gunicorn.http import connection, environ, errors, response
from gunicorn.http.limits import Policy
from gunicorn.http.message import Request
from gunicorn.http.proxy import Peer
from gunicorn.http.wsgi import FileWrapper
from gunicorn.workers import base, deadline, forks, handover
from gunicorn.workers.channel import RESET, Outcome
from gunicorn.workers.dispatch import ALREADY_HANDLED, Dispatcher, Handled
from gunicorn.workers.talk import Talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

__all__ = ["ALREADY_HANDLED", "AsyncWorker", "Talk"]

#: bytes of a body nobody has read that are taken in to keep a connection
_DRAIN_MAX = 256 * 1024


class AsyncWorker(base.Worker):
    """What the workers with green threads share. The numbers are seconds granted to clients."""

    HEAD_SECONDS = 30.0
    PATIENCE_SECONDS = 60.0
    SHAKE_SECONDS = 30.0
    #: for a client that has just connected to send something although the worker leaves
    FRESH_SECONDS = 0.5
    #: between two looks at the master and two beats
    LOOK_SECONDS = 1.0

    #: ``wait_writable(sock, seconds)`` waits, green, until the peer takes more; raises
    #: ClientDisconnected. None where the library cannot.
    wait_writable: Any = None

    #: where siblings note that they take connections; None where nobody has called ``prepare``
    exchange: ClassVar[handover.Exchange | None] = None

    @classmethod
    def prepare(cls, cfg: Any) -> None:
        """Called in the master before the first fork: make what all workers share."""
        if cls.exchange is None:
            cls.exchange = handover.Exchange()

    def load_wsgi(self) -> None:
        """Load the application, and all else that can fail: a bad certificate is a failed boot."""
        super().load_wsgi()
        cfg = self.cfg
        self._policy = Policy.from_config(cfg, os.environ.get("SCRIPT_NAME", ""))
        self._dispatcher = Dispatcher(self, self._policy)
        self._context = tls.server_context(cfg) if cfg.is_ssl else None
        self._facts = {
            listener.fileno(): environ.Listener.from_sockname(listener.getsockname())
            for listener in self.sockets
        }
        self._interval = min(self.timeout or self.LOOK_SECONDS, self.LOOK_SECONDS)
        #: the connections there are
        self._talks: set[Talk] = set()
        self._running = deadline.UnderWay(self.tmp, float(cfg.request_timeout))
        #: whose response the dispatcher is about to make
        self._beginning: Talk | None = None
        #: a request was late: others serve, or will
        self._is_condemned = False
        self._stay(True)
        #: this is a child that the application has forked
        self._is_child = False
        forks.cut_off_children(self, self.descriptors, self._become_child)

    # -- a connection ------------------------------------------------------------------------------

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve a connection to its end, in its own green thread, and close it."""
        talk: Talk | None = None
        try:
            # Answers are sent in one piece: waiting for more would only delay them.
            if client.family != socket.AF_UNIX:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                client.settimeout(self.SHAKE_SECONDS)
                client = self._context.wrap_socket(
                    client,
                    server_side=True,
                    suppress_ragged_eofs=self.cfg.suppress_ragged_eofs,
                )
            talk = self._begin(listener, client, addr)
            self._talks.add(talk)
            while self._serve_next(listener, talk) and not self._is_condemned:
                pass
        except ssl.SSLError as exc:
            self.log.debug("Error processing SSL request. %s", exc)
        except OSError as exc:
            self.log.debug("Closing connection. %s", exc)
        except base.LeaveNow:
            raise
        except Exception:
            self.log.exception("Error processing request.")
        finally:
            if talk is not None:
                self._talks.discard(talk)
            client.close()

    def _begin(self, listener: Any, sock: Any, addr: Any) -> Talk:
        peer = Peer.from_address(addr)
        talk = connection.Connection(self._policy, peer)
        talk.base_environ = environ.base_environ(
            self._policy,
            self._facts[listener.fileno()],
            peer,
            sock,
            multithread=True,
            multiprocess=self.cfg.workers > 1,
            file_wrapper=FileWrapper,
        )
        return Talk(self, sock, addr, talk, self.current_green())

    def _serve_next(self, listener: Any, client: Talk) -> bool:
        """Serve one request; whether another one may follow."""
        talk = client.connection
        try:
            request = self._wait_request(client)
        except errors.ProtocolError as exc:
            self.handle_error(None, client, client.addr, exc)
            self._finish(client)
            return False
        if request is None:
            return False
        request.body = connection.body_of(talk, client.receive_body)
        client.request = request
        self._running.begin(client)
        try:
            is_kept = self.handle_request(listener, request, client, client.addr)
        finally:
            self._running.end(client, time.monotonic())
            client.request = client.response = None
        if is_kept and not talk.closing and self._drain(client):
            return True
        self._finish(client)
        return False

    def _wait_request(self, client: Talk) -> Request | None:
        """Return the next request, None when the client has left or said nothing in time."""
        talk = client.connection
        now = time.monotonic()
        grant = float(self.cfg.keepalive) if talk.requests else self.HEAD_SECONDS
        deadline = now + grant
        is_begun = False
        while (request := talk.next_request()) is None:
            if not is_begun and not talk.is_idle:
                is_begun = True
                deadline = time.monotonic() + self.HEAD_SECONDS
            client.is_idle = not is_begun
            try:
                data = client.receive(deadline)
            except TimeoutError:
                if is_begun:
                    client.send(response.error_page(408, errors.REASONS[408], ""))
                return None
            if not data:
                return None
            talk.feed(data)
        client.is_idle = False
        return request

    def handle_request(self, listener: Any, req: Any, client: Any, addr: Any) -> bool:
        """Answer ``req``; a seam for subclasses. Whether the connection may be kept."""
        self.nr += 1
        if self.nr == self.max_requests:
            self.ask_replacement()
        # To the application the socket is one that waits, and the timeouts were ours.
        client.sock.settimeout(None)
        self._beginning = client
        outcome = self._dispatcher.serve(req, client, addr, client.connection.base_environ)
        if outcome is Outcome.BREAK:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return outcome is Outcome.KEEP

    def _drain(self, client: Talk) -> bool:
        """Take in what the application has not read of a body; False when that is not worth it."""
        talk = client.connection
        taken = 0
        while not talk.body_done:
            if talk.wants_continue() or taken > _DRAIN_MAX:
                return False
            try:
                data = talk.take_body()
                taken += len(data)
                if not data and not talk.body_done:
                    received = client.receive(time.monotonic() + 1.0)
                    if not received:
                        return False
                    talk.feed(received)
            except (errors.ProtocolError, OSError):
                return False
        return True

    def _finish(self, client: Talk) -> None:
        """End a connection whose answers are out, without a reset that could destroy them."""
        talk = client.connection
        if self._context is None and (talk.buffered or not talk.body_done):
            client.sock.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + 2.0
            while client.receive(deadline):
                pass

    # -- what a response needs to know -----------------------------------------------------------

    @property
    def answering(self) -> Any:
        """Nothing: there are many of them. (``handle_exit`` knows where.)"""
        return None

    @answering.setter
    def answering(self, response: Any) -> None:
        if response is not None and self._beginning is not None:
            self._beginning.response = response

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._close_answers()

    def _close_answers(self) -> None:
        """Have every answer that has not begun say that its connection ends with it."""
        for client in self._running:
            if client.response is not None and not client.response.headers_sent:
                client.response.force_close()

    # -- deadlines -------------------------------------------------------------------------------

    def _end_late(self, client: Talk, now: float) -> None:
        """Answer for an application that has not, and have this worker replaced."""
        request = client.request
        if any(name == "UPGRADE" for name, _ in request.headers):
            return  # what is spoken instead of HTTP has no end by nature
        if not self._is_condemned:
            self._is_condemned = True
            self._stay(False)
            self.stop_accepting()
            self._close_answers()
            self.tmp.ask_replacement()
        deadline.tell_late(self, client, now, deadline.stack_of(client.green))
        if client.response is not None and client.response.headers_sent:
            return  # it may finish
        page = deadline.late_page(request)
        try:
            client.sock.settimeout(0)
            client.sock.send(page)
            # Whatever the application still tries to send fails.
            client.shut(socket.SHUT_WR)
        except OSError as exc:
            self.log.debug("Failed to send error message. %s", exc)
        if self.log.access_wanted:
            status = f"503 {errors.REASONS[503]}"
            self._log_error_access(request, client.addr, status, len(page), client.started)
        client.connection.closing = True
        self.throw(client.green, Handled)

    # -- the end ---------------------------------------------------------------------------------

    def _end_idle(self, has_time: bool) -> None:
        """Wake the connections that only wait for a request, so that they end.

        ``has_time``: it is not yet over for those whose request is on the way.
        """
        for talk in list(self._talks):
            if talk.is_idle and not has_time:
                talk.shut(socket.SHUT_RD)

    def _leave_gracefully(self) -> None:
        """Finish the requests that have begun, for ``graceful_timeout`` seconds at most.

        The listeners are not accepted from any more.
        """
        self.tmp.mark_leaving()
        self._stay(False)
        now = time.monotonic()
        # A little less than the master grants, which kills at the end of it.
        leave_deadline = now + self.cfg.graceful_timeout * 0.95
        fresh_until = now + self.FRESH_SECONDS
        is_last = False
        while True:
            now = time.monotonic()
            if not is_last and not self._is_condemned and not self._has_takers(now):
                # Nobody stays who would take in those outside: the kernel would reset them.
                is_last = True
                self.take_in_last()
                fresh_until = now + self.FRESH_SECONDS
            if not self.has_connections():
                return
            if now >= leave_deadline:
                self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
                return
            self._end_idle(now < fresh_until or self.tmp.is_succeeded)
            self.pause(0.02)

    def _stay(self, takes: bool) -> None:
        """Note whether this worker takes connections, for siblings that leave."""
        if self.exchange is not None:
            place = self.exchange.place(self.age)
            self.exchange.idle_at[place] = -time.monotonic() if takes else 0.0

    def _has_takers(self, now: float) -> bool:
        return self.exchange is not None and self.exchange.has_takers(now)

    def has_connections(self) -> bool:
        """Whether some connection is still served."""
        return bool(self._talks)

    def _become_child(self) -> None:
        self._is_child = True
        self._dispatcher.end_on_return()

    def descriptors(self) -> list[int]:
        """Give the descriptors by which this worker knows its clients and siblings."""
        exchange = self.exchange
        own = [] if exchange is None else [exchange.taker.fileno(), exchange.giver.fileno()]
        return [*(talk.sock.fileno() for talk in self._talks), *own]

    def stop_accepting(self) -> None:
        """Leave whoever knocks to the siblings, from now on."""
        raise NotImplementedError

    def take_in_last(self) -> None:
        """Serve who waits outside at this moment, as far as there is room."""
        raise NotImplementedError

    @staticmethod
    def current_green() -> Any:
        """Return the green thread that calls this: an object of greenlet."""
        raise NotImplementedError

    def throw(self, green: Any, exc: type[BaseException]) -> None:
        """Raise ``exc`` where ``green`` waits."""
        raise NotImplementedError

    def pause(self, seconds: float) -> None:
        """Let the others run for ``seconds``, or until a signal arrives."""
        raise NotImplementedError

    def beat(self) -> bool:
        """Wait a little and give a sign of life; False when the worker is to leave.

        A hub that is blocked comes to no beat, so the master notices.
        """
        self.pause(self._interval)
        if self._is_child:
            return True  # of no worker: it ends when the application ends it
        self.notify()
        if not self._is_condemned:
            self._stay(True)
        now = time.monotonic()
        for client in self._running.take_late(now):
            self._end_late(client, now)
        if self._is_condemned:
            self._end_idle(has_time=True)
        return self.alive and self.is_parent_alive()
