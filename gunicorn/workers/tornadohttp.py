"""Tornado's own HTTP server behind our doors: who is inside, what runs, and when it is over.

For applications that are tornado's, WebSockets included. HTTP is tornado's business altogether; its
limits hold, not ours. Ours: accepting up to ``worker_connections``, TLS, whose forwarding headers
are believed, the time between two requests, counting, the access line, and the end.

A visit is one connection. Tornado tells of its states by calls to its server:

    handle_stream            it begins
    start_request            tornado waits for a request, the one before is answered
      headers_received       a request has come
    close_fd of the stream   it is over; for a WebSocket this is the only one after headers_received
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import tornado
from tornado import httpserver, httputil, iostream, web

from gunicorn import __version__
from gunicorn.http.proxy import Trust
from gunicorn.workers import handover
from gunicorn.workers.admission import Admission
from gunicorn.workers.reactor import Reactor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["NativeServer"]

SERVER_HEADER = f"TornadoServer/{tornado.version} (Gunicorn/{__version__})"


class Visit:
    """One connection; ``since`` is the monotonic instant at which its present state began."""

    __slots__ = ("is_busy", "request", "requests", "since")

    def __init__(self) -> None:
        self.since = time.monotonic()
        #: a request is under way, or a WebSocket
        self.is_busy = False
        self.requests = 0
        #: method, path, address and port, as the master shows them
        self.request = ("", "", "", "")


class _Telling:
    """A stream that tells of its end."""

    forget: Callable[[Any], None]

    def close_fd(self) -> None:
        super().close_fd()  # type: ignore[misc]
        self.forget(self)


class _Stream(_Telling, iostream.IOStream):
    pass


class _SecureStream(_Telling, iostream.SSLIOStream):
    pass


class _HTTPServer(httpserver.HTTPServer):
    """Tornado's server, which tells of requests and believes only whom we do."""

    # (Not in a constructor: tornado's calls what it names ``initialize``, with other arguments.)
    native: NativeServer
    trust: Trust | None = None

    def start_request(self, server_conn: Any, request_conn: Any) -> httputil.HTTPMessageDelegate:
        context = request_conn.context
        is_tcp = isinstance(context.address, tuple) and bool(context.address)
        peer = str(context.address[0]) if is_tcp else ""
        self.xheaders = self.trust is not None and self.trust.believes(peer)
        delegate = super().start_request(server_conn, request_conn)
        visit = self.native.wait_request(server_conn.stream)
        return delegate if visit is None else _Noting(delegate, self.native, visit, context)


class _Noting(httputil.HTTPMessageDelegate):
    """Notes that a request has come, and hands everything on."""

    def __init__(
        self, delegate: httputil.HTTPMessageDelegate, native: NativeServer, visit: Visit, peer: Any
    ) -> None:
        self._native = native
        self._visit = visit
        self._peer = peer
        self._delegate = delegate

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        method, target = str(start_line[0]), str(start_line[1])
        address = self._peer.address
        host, port = (address[0], str(address[1])) if isinstance(address, tuple) else ("", "")
        request = (method, target.partition("?")[0], host, port)
        self._native.begin_request(self._visit, request)
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


class NativeServer:
    """Serves ``worker.wsgi``, an application of tornado's, to whom ``admission`` opens."""

    def __init__(self, worker: Any, admission: Admission, reactor: Reactor) -> None:
        cfg = worker.cfg
        self._worker = worker
        self._log = worker.log
        self._admission = admission
        self._reactor = reactor
        self._cap = int(cfg.worker_connections)
        self._keepalive = float(cfg.keepalive)
        #: every connection there is, a WebSocket too
        self._visits: dict[Any, Visit] = {}
        #: those with a request under way, oldest first
        self._running: dict[Visit, None] = {}
        self._http = _HTTPServer(
            worker.wsgi,
            no_keep_alive=cfg.keepalive == 0,
            # For a head; what may pass between two requests is looked after here.
            idle_connection_timeout=worker.HEAD_SECONDS,
        )
        self._http.native = self
        if cfg.x_forwarded_for_header:
            self._http.trust = Trust(cfg.forwarded_allow_ips)
        _sign_answers()
        _show_errors(worker.log)
        if isinstance(worker.wsgi, web.Application) and self._log.access_wanted:
            worker.wsgi.settings.setdefault("log_function", self._log_access)

    # -- coming and going --------------------------------------------------------------------------

    def accept(self, listener: Any) -> None:
        """Take in one connection, unless a sibling was faster."""
        try:
            sock, addr = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as exc:
            # Out of descriptors: until one is free, or until the next look.
            self._log.warning("cannot accept: %s", exc)
            self._admission.shut()
            return
        sock.setblocking(False)
        stream: Any
        context = self._admission.context
        try:
            if context is None:
                stream = _Stream(sock)
            else:
                sock = context.wrap_socket(
                    sock,
                    server_side=True,
                    do_handshake_on_connect=False,
                    suppress_ragged_eofs=self._worker.cfg.suppress_ragged_eofs,
                )
                stream = _SecureStream(sock, ssl_options=context)
        except OSError as exc:
            # Reset while it waited outside.
            self._log.debug("Ignored premature client disconnection. %s", exc)
            sock.close()
            return
        stream.forget = self._forget
        self._visits[stream] = Visit()
        if len(self._visits) >= self._cap:
            # Somebody else may have room.
            self._admission.shut()
        self._http.handle_stream(stream, addr)

    def _forget(self, stream: Any) -> None:
        visit = self._visits.pop(stream, None)
        if visit is not None and visit.is_busy:
            self._end_request(visit)
        if self._worker.alive and len(self._visits) < self._cap:
            self._admission.open()

    def fds(self) -> list[int]:
        """Give the descriptors of the clients."""
        return [one.socket.fileno() for one in self._visits if one.socket is not None]

    def tend(self, now: float) -> None:
        """Once a second: close who has said nothing for ``keepalive`` seconds since an answer."""
        for stream, visit in list(self._visits.items()):
            if not visit.is_busy and visit.requests and now - visit.since > self._keepalive:
                stream.close()
        if self._worker.alive and len(self._visits) < self._cap:
            self._admission.open()

    # -- requests ----------------------------------------------------------------------------------

    def wait_request(self, stream: Any) -> Visit | None:
        """Note that tornado waits for the next request on ``stream``; None when it has closed."""
        visit = self._visits.get(stream)
        if visit is not None and visit.is_busy:
            self._end_request(visit)
        return visit

    def begin_request(self, visit: Visit, request: tuple[str, str, str, str]) -> None:
        """Note and count a request that has come."""
        visit.is_busy = True
        visit.requests += 1
        visit.since = time.monotonic()
        visit.request = request
        if not self._running:
            self._worker.tmp.show_request(*request, visit.since)
        self._running[visit] = None
        worker = self._worker
        worker.nr += 1
        if worker.nr == worker.max_requests:
            worker.ask_replacement()

    def _end_request(self, visit: Visit) -> None:
        now = time.monotonic()
        self._running.pop(visit, None)
        self._worker.tmp.end_request(now - visit.since)
        visit.is_busy = False
        visit.since = now
        oldest = next(iter(self._running), None)
        if oldest is not None:
            self._worker.tmp.show_request(*oldest.request, oldest.since)

    # -- the end -----------------------------------------------------------------------------------

    def leave(self, now: float) -> Iterator[float]:
        """Finish what has begun, for ``graceful_timeout`` seconds at most.

        Yields how long the next turn may wait, and is asked again after it.
        """
        worker = self._worker
        for listener in worker.sockets:
            # Whoever waits outside: the kernel may be about to reset them.
            before = -1
            while before != len(self._visits) < self._cap:
                before = len(self._visits)
                self.accept(listener)
        self._admission.shut()
        worker.tmp.mark_leaving()
        self._http.conn_params.no_keep_alive = True
        deadline = now + worker.cfg.graceful_timeout * 0.95
        fresh_until = now + worker.FRESH_SECONDS
        while self._visits:
            if now >= deadline:
                self._log.warning("Worker graceful timeout (pid:%s)", worker.pid)
                return
            yield min(handover.TICK if now < fresh_until else 0.1, deadline - now)
            now = time.monotonic()
            self._close_idle(now < fresh_until)

    def _close_idle(self, has_time: bool) -> None:
        """Close who only waits for a request; with time left, not who has never sent one."""
        for stream, visit in list(self._visits.items()):
            if visit.is_busy or (has_time and not visit.requests):
                continue
            poll = select.poll()
            poll.register(stream.socket, select.POLLIN)
            # What has come is a request that has begun.
            if not poll.poll(0):
                stream.close()

    def _log_access(self, handler: web.RequestHandler) -> None:
        """Write the access line of an answer; called by tornado at its end."""
        request = handler.request
        headers = list(request.headers.get_all())
        environ = {
            "REMOTE_ADDR": request.remote_ip,
            "REQUEST_METHOD": request.method,
            "RAW_URI": request.uri,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query,
            "SERVER_PROTOCOL": request.version,
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers},
        }
        span = timedelta(seconds=request.request_time())
        self._log.access(_Answer(handler), headers, environ, span)


class _Answer:
    """What the access log asks of a response."""

    def __init__(self, handler: web.RequestHandler) -> None:
        self.status = str(handler.get_status())
        self.headers = list(handler._headers.get_all())
        length = handler._headers.get("Content-Length")
        self.sent = self.response_length = int(length) if length else None


def _sign_answers() -> None:
    """Have tornado's handlers name both servers, as they always have under this worker."""
    original = web.RequestHandler.clear

    def clear(self: web.RequestHandler) -> None:
        original(self)
        self.set_header("Server", SERVER_HEADER)

    web.RequestHandler.clear = clear  # type: ignore[method-assign]


def _show_errors(log: Any) -> None:
    """Have the error log show what tornado says of errors, unless the application has it shown."""
    ours = getattr(log, "error_log", None)
    for name in ("tornado.application", "tornado.general"):
        theirs = logging.getLogger(name)
        if ours is not None and not theirs.hasHandlers():
            theirs.handlers = ours.handlers
            theirs.propagate = False
