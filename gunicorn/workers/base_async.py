"""Workers whose requests each have a green thread: the loop of a connection, and the raw socket.

    handle   one connection, from its first byte (under TLS, from its handshake) to its last
      handle_request   one request: ``dispatch``, as in every worker

A green thread waits for its client by calls that look as if they blocked, so there is no state to
keep between them and nothing is gathered beforehand. Rules: a subclass gives ``run`` and the one
way to wait that sockets do not have; here no library is known. Every wait has a deadline, set as
the timeout of the socket. Whatever a connection raises costs that connection and nothing else.

An application may take ``environ["gunicorn.socket"]``, speak whatever it likes on it, and return
``ALREADY_HANDLED``: then nothing more is sent for it and nothing logged.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import Any

from gunicorn import tls
from gunicorn.http import connection, environ, errors, response
from gunicorn.http.limits import Policy
from gunicorn.http.message import Request
from gunicorn.http.proxy import Peer
from gunicorn.http.wsgi import FileWrapper
from gunicorn.workers import base
from gunicorn.workers.channel import RESET, Outcome
from gunicorn.workers.dispatch import ALREADY_HANDLED, Dispatcher

__all__ = ["ALREADY_HANDLED", "AsyncWorker", "Talk"]

#: bytes asked of a socket at once
_READ_SIZE = 65536
#: bytes of a body nobody has read that are taken in to keep a connection
_DRAIN_MAX = 256 * 1024
#: bytes of a file given to the kernel at once
_FILE_PART = 1 << 20


class Talk:
    """One connection: its socket, its protocol, and the deadlines of what is waited for.

    It is the sink of a response, and to hooks and ``handle_request`` the client.
    """

    __slots__ = ("_worker", "addr", "connection", "is_idle", "sock")

    def __init__(self, worker: AsyncWorker, sock: Any, addr: Any, talk: connection.Connection):
        self._worker = worker
        self.sock = sock
        self.addr = addr
        self.connection = talk
        #: nothing of a request has come: it may be closed when the worker leaves
        self.is_idle = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    # -- reading -----------------------------------------------------------------------------------

    def receive(self, deadline: float) -> bytes:
        """Return what comes next, b"" at the end. Raises OSError, TimeoutError at ``deadline``."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the peer was too slow")
        self.sock.settimeout(left)
        data: bytes = self.sock.recv(_READ_SIZE)
        return data

    def receive_body(self) -> bytes:
        """Return more of a body for the application that waits for it."""
        if self.connection.wants_continue():
            self.connection.continue_sent()
            self.send(response.CONTINUE)
        try:
            return self.receive(time.monotonic() + self._worker.PATIENCE_SECONDS)
        except OSError as exc:
            raise errors.ClientDisconnected(str(exc)) from exc

    # -- writing: the sink -------------------------------------------------------------------------

    def send(self, data: bytes) -> int:
        """Send all of ``data``, at the peer's pace. Raises ClientDisconnected."""
        rest: Any = data
        try:
            # Each piece the peer takes buys it time, so a slow one is no broken one.
            self.sock.settimeout(self._worker.PATIENCE_SECONDS)
            while True:
                taken = self.sock.send(rest)
                if taken == len(rest):
                    return len(data)
                rest = memoryview(rest)[taken:]
        except OSError as exc:
            raise errors.ClientDisconnected(str(exc)) from exc

    sendall = send

    def send_many(self, pieces: list[bytes]) -> None:
        self.send(b"".join(pieces))

    def send_file(self, file: Any, offset: int, count: int) -> int | None:
        """Have the kernel send ``count`` bytes of ``file``; None when they must be read instead."""
        worker = self._worker
        if not worker.cfg.sendfile or worker.cfg.is_ssl or worker.wait_writable is None:
            return None
        sent = 0
        fd = file.fileno()
        while sent < count:
            try:
                part = os.sendfile(
                    self.sock.fileno(), fd, offset + sent, min(count - sent, _FILE_PART)
                )
            except BlockingIOError:
                worker.wait_writable(self.sock, worker.PATIENCE_SECONDS)
                continue
            except OSError as exc:
                if not sent and not isinstance(exc, ConnectionError):
                    return None
                raise errors.ClientDisconnected(str(exc)) from exc
            if not part:
                break
            sent += part
        return sent


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
        #: requests under way, for the figures the master shows
        self._under_way = 0

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
            while self._serve_next(listener, talk):
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
        return Talk(self, sock, addr, talk)

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
        began = self.tmp.begin_request()
        self._under_way += 1
        try:
            is_kept = self.handle_request(listener, request, client, client.addr)
        finally:
            self._under_way -= 1
            self.tmp.end_request(time.monotonic() - began)
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

    # -- the end ---------------------------------------------------------------------------------

    def _end_idle(self, has_time: bool) -> None:
        """Wake the connections that only wait for a request, so that they end.

        ``has_time``: those that have never sent one are left alone, theirs is on the way.
        """
        for talk in list(self._talks):
            if talk.is_idle and not (has_time and not talk.connection.requests):
                try:
                    # By a duplicate: a TLS socket that is shut down forgets its keys.
                    with socket.socket(fileno=os.dup(talk.sock.fileno())) as duplicate:
                        duplicate.shutdown(socket.SHUT_RD)
                except OSError:
                    pass  # ended by itself

    def _leave_gracefully(self) -> None:
        """Finish the requests that have begun, for ``graceful_timeout`` seconds at most."""
        self.tmp.mark_leaving()
        now = time.monotonic()
        # A little less than the master grants, which kills at the end of it.
        deadline = now + self.cfg.graceful_timeout * 0.95
        fresh_until = now + self.FRESH_SECONDS
        while self.has_connections():
            now = time.monotonic()
            if now >= deadline:
                self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
                return
            self._end_idle(now < fresh_until)
            self.pause(0.02)

    def has_connections(self) -> bool:
        """Whether some connection is still served."""
        return bool(self._talks)

    def pause(self, seconds: float) -> None:
        """Let the others run for ``seconds``, or until a signal arrives."""
        raise NotImplementedError

    def beat(self) -> bool:
        """Wait a little and give a sign of life; False when the worker is to leave.

        A hub that is blocked comes to no beat, so the master notices.
        """
        self.pause(self._interval)
        self.notify()
        return self.alive and self.is_parent_alive()
