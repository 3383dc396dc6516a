"""The workers on gevent: our HTTP in a greenlet per connection, and gevent's own server.

    GeventWorker         our HTTP; with ``server_class`` a server that brings its own
    GeventPyWSGIWorker   gevent.pywsgi, for handlers that come as its subclasses (WebSockets)

The standard library is patched in the worker, after the fork and before the application is
imported: the master keeps its real sockets, signals and processes.
"""

from __future__ import annotations

import functools
import itertools
import os
import time
from datetime import timedelta

try:
    import gevent
except ImportError:
    raise RuntimeError(
        "You need gevent installed to use this worker: "
        "apt-get install python3-gevent, or pip install gevent"
    ) from None
from gevent import monkey, pywsgi
from gevent import socket as gsocket
from gevent.pool import Pool
from gevent.server import StreamServer

from gunicorn import SERVER_SOFTWARE
from gunicorn.http.errors import ClientDisconnected
from gunicorn.workers import deadline
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.forks import ending_children

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "BASE_WSGI_ENV",
    "VERSION",
    "GeventPyWSGIWorker",
    "GeventResponse",
    "GeventWorker",
    "PyWSGIHandler",
    "PyWSGIServer",
]

VERSION = f"gevent/{gevent.__version__} {SERVER_SOFTWARE}"

#: of ``pywsgi`` applications: what every environ begins with
BASE_WSGI_ENV = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "SERVER_SOFTWARE": VERSION,
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.multithread": False,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}


class GeventWorker(AsyncWorker):
    """A greenlet for each of up to ``worker_connections`` connections per listener."""

    #: a server to use instead of our own HTTP: a subclass of gevent's ``BaseServer``
    server_class: Any = None
    #: its ``handler_class``
    wsgi_handler: Any = None
    #: a server for each listener
    _servers: Any = ()

    def patch(self) -> None:
        """Patch the standard library; overriders may patch drivers as well."""
        monkey.patch_all()

    def init_process(self) -> None:
        self.patch()
        # What a configuration file may have begun in the master does not work in its child.
        gevent.reinit()
        super().init_process()

    def run(self) -> None:
        """Serve until told to stop, then finish what has begun."""
        self._pools = [Pool(self.cfg.worker_connections) for _ in self.sockets]
        self._servers = [
            self._make_server(listener, pool)
            for listener, pool in zip(self.sockets, self._pools, strict=True)
        ]
        for server in self._servers:
            if self.cfg.workers > 1:
                # What is not accepted can be taken by a worker with less to do.
                server.max_accept = 1
            server.start()
        while self.beat():
            pass
        self.stop_accepting()
        self._leave_gracefully()
        for server in self._servers:
            server.close()
        gevent.joinall(
            [gevent.spawn(pool.kill, block=True, timeout=1) for pool in self._pools], timeout=1
        )

    def _make_server(self, listener: Any, pool: Pool) -> Any:
        sock = gsocket.socket(listener.family, listener.type, fileno=os.dup(listener.fileno()))
        if self.server_class is None:
            handle = functools.partial(self.handle, listener)
            return StreamServer(sock, handle=handle, spawn=pool)
        secured = {} if self._context is None else {"ssl_context": self._context}
        return self.server_class(
            sock,
            application=self.wsgi,
            spawn=pool,
            log=self.log,
            handler_class=self.wsgi_handler,
            environ={"wsgi.multiprocess": self.cfg.workers > 1, "SERVER_SOFTWARE": VERSION},
            **secured,
        )

    def descriptors(self) -> list[int]:
        return [*super().descriptors(), *(server.socket.fileno() for server in self._servers)]

    def stop_accepting(self) -> None:
        for server in self._servers:
            # A pool that was full starts it again when it has room.
            server.start_accepting = _nothing
            server.stop_accepting()

    def take_in_last(self) -> None:
        for server, pool in zip(self._servers, self._pools, strict=True):
            try:
                while not pool.full() and (visitor := server.do_read()) is not None:
                    server.do_handle(*visitor)
            except OSError as exc:
                self.log.warning("cannot accept: %s", exc)

    @staticmethod
    def current_green() -> Any:
        return gevent.getcurrent()

    def throw(self, green: Any, exc: type[BaseException]) -> None:
        gevent.kill(green, exc)

    def has_connections(self) -> bool:
        return any(len(pool) for pool in self._pools)

    def pause(self, seconds: float) -> None:
        try:
            gsocket.wait_read(self.PIPE[0], timeout=seconds)
            os.read(self.PIPE[0], 4096)
        except OSError:
            pass  # nothing came

    @staticmethod
    def wait_writable(sock: Any, seconds: float) -> None:
        try:
            gsocket.wait_write(sock.fileno(), timeout=seconds)
        except OSError as exc:
            raise ClientDisconnected(str(exc)) from exc


def _nothing() -> None:
    pass


class GeventResponse:
    """What the access log asks of a response, of ``pywsgi``'s."""

    def __init__(self, status: str, headers: Any, length: int | None) -> None:
        self.status = status
        self.headers = headers
        self.sent = self.response_length = length


class PyWSGIHandler(pywsgi.WSGIHandler):  # type: ignore[misc]
    """gevent's handler of a connection, writing our access log."""

    def read_requestline(self) -> Any:
        idle = self.server.idle
        idle.add(self)
        try:
            return super().read_requestline()
        finally:
            idle.discard(self)

    def log_request(self) -> None:
        log = self.server.log
        if not getattr(log, "access_wanted", True):
            return
        begun = getattr(self, "time_start", 0) or 0
        ended = getattr(self, "time_finish", 0) or time.time()
        status = self.status.decode() if isinstance(self.status, bytes) else self.status or ""
        answer = GeventResponse(status, self.response_headers or [], self.response_length)
        fields = [tuple(line.split(": ", 1)) for line in str(self.headers or "").splitlines()]
        pairs = [pair for pair in fields if len(pair) == 2]
        log.access(answer, pairs, self.environ, timedelta(seconds=max(0.0, ended - begun)))

    def get_environ(self) -> dict[str, Any]:
        env: dict[str, Any] = super().get_environ()
        env["gunicorn.sock"] = env["gunicorn.socket"] = self.socket
        env["RAW_URI"] = self.path
        return env


class PyWSGIServer(pywsgi.WSGIServer):  # type: ignore[misc]
    """gevent's server; ``base_env`` is what every environ begins with."""

    base_env = BASE_WSGI_ENV

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        #: handlers that wait for a request
        self.idle: set[PyWSGIHandler] = set()
        self._unix_peers = itertools.count(1)
        super().__init__(*args, **kwargs)

    def handle(self, sock: Any, address: Any) -> None:
        # A peer on a Unix socket has no address, and gevent-websocket tells its clients apart by
        # them: each gets a port of its own.
        super().handle(sock, address or ("127.0.0.1", next(self._unix_peers)))


class _Served:
    """A request of gevent's own server, as ``deadline.UnderWay`` knows requests."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.request = self.connection = self
        self.method = environ["REQUEST_METHOD"]
        self.path = str(environ.get("RAW_URI") or environ["PATH_INFO"]).partition("?")[0]
        self.peer = (environ.get("REMOTE_ADDR", ""), environ.get("REMOTE_PORT", ""), False)
        self.started = 0.0


class GeventPyWSGIWorker(GeventWorker):
    """gevent's own HTTP server, for handlers that are subclasses of its."""

    server_class = PyWSGIServer
    wsgi_handler = PyWSGIHandler

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self._answering = deadline.UnderWay(self.tmp, 0)
        self.wsgi = self._counting(ending_children(self.wsgi))

    def _counting(self, application: Any) -> Any:
        """Return ``application`` so that its requests are counted, and shown to the master.

        A request counts as served when the application returns: pieces that it yields afterwards
        are between gevent's server and the client.
        """

        def counting(environ: Any, start_response: Any) -> Any:
            self.nr += 1
            if self.nr == self.max_requests:
                self.ask_replacement()
            item = _Served(environ)
            self._answering.begin(item)
            try:
                return application(environ, start_response)
            finally:
                self._answering.end(item, time.monotonic())

        return counting

    def _end_idle(self, has_time: bool) -> None:
        for server in self._servers:
            for handler in list(getattr(server, "idle", ())):
                if not has_time or handler.requestline:
                    try:
                        with gsocket.socket(fileno=os.dup(handler.socket.fileno())) as duplicate:
                            duplicate.shutdown(gsocket.SHUT_RD)
                    except OSError:
                        pass  # ended by itself
