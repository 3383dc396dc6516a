"""The worker on eventlet: our HTTP in a green thread per connection.

The standard library is patched in the worker, after the fork and before the application is
imported: the master keeps its real sockets, signals and processes.
"""

from __future__ import annotations

import os
import warnings

try:
    with warnings.catch_warnings():
        # That eventlet has no future is news for whoever chooses it, not for every log.
        warnings.simplefilter("ignore")
        import eventlet
except ImportError:
    raise RuntimeError(
        "You need eventlet installed to use this worker: "
        "apt-get install python3-eventlet, or pip install eventlet"
    ) from None
from eventlet import greenio, hubs, wsgi
from eventlet.greenpool import GreenPool

from gunicorn.http.errors import ClientDisconnected
from gunicorn.workers.base_async import ALREADY_HANDLED, AsyncWorker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["EventletWorker"]


class EventletWorker(AsyncWorker):
    """A green thread for each of up to ``worker_connections`` connections per listener."""

    #: a green socket for each listener
    _doors: Any = ()

    def patch(self) -> None:
        """Patch the standard library except ``os``; overriders may patch drivers as well."""
        hubs.use_hub()
        eventlet.monkey_patch(os=False)

    def init_process(self) -> None:
        self.patch()
        super().init_process()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi = _heeding_eventlet(self.wsgi)

    def run(self) -> None:
        """Serve until told to stop, then finish what has begun."""
        self._pools = [GreenPool(self.cfg.worker_connections) for _ in self.sockets]
        self._doors = [_green(listener) for listener in self.sockets]
        self._acceptors = [
            eventlet.spawn(self._accept, door, listener, pool)
            for door, listener, pool in zip(self._doors, self.sockets, self._pools, strict=True)
        ]
        while self.beat():
            pass
        self.stop_accepting()
        self._leave_gracefully()

    def _accept(self, sock: Any, listener: Any, pool: GreenPool) -> None:
        """Accept as long as there is room, one at a time: siblings may have less to do."""
        while True:
            # Room first: what is not accepted can be taken by a sibling.
            pool.sem.acquire()
            pool.sem.release()
            try:
                client, addr = sock.accept()
            except ConnectionAbortedError:
                continue
            except OSError as exc:
                self.log.warning("cannot accept: %s", exc)
                eventlet.sleep(0.1)
                continue
            pool.spawn_n(self.handle, listener, client, addr)
            eventlet.sleep(0)

    def descriptors(self) -> list[int]:
        return [*super().descriptors(), *(door.fileno() for door in self._doors)]

    def stop_accepting(self) -> None:
        for acceptor in self._acceptors:
            acceptor.kill()

    def take_in_last(self) -> None:
        for listener, pool in zip(self.sockets, self._pools, strict=True):
            sock = _green(listener)
            sock.setblocking(False)
            try:
                while pool.free() > 0:
                    pool.spawn_n(self.handle, listener, *sock.accept())
            except OSError:
                pass  # nobody is left
            sock.close()

    @staticmethod
    def current_green() -> Any:
        return eventlet.getcurrent()

    def throw(self, green: Any, exc: type[BaseException]) -> None:
        eventlet.kill(green, exc)

    def has_connections(self) -> bool:
        return any(pool.running() for pool in self._pools)

    def pause(self, seconds: float) -> None:
        try:
            hubs.trampoline(self.PIPE[0], read=True, timeout=seconds, timeout_exc=TimeoutError)
            os.read(self.PIPE[0], 4096)
        except OSError:
            pass  # nothing came

    @staticmethod
    def wait_writable(sock: Any, seconds: float) -> None:
        try:
            hubs.trampoline(sock.fileno(), write=True, timeout=seconds, timeout_exc=TimeoutError)
        except OSError as exc:
            raise ClientDisconnected(str(exc)) from exc


def _green(listener: Any) -> Any:
    """Return a green socket of its own for a listener."""
    return greenio.GreenSocket(listener.family, listener.type, fileno=os.dup(listener.fileno()))


def _heeding_eventlet(application: Any) -> Any:
    """Return an application that says ALREADY_HANDLED where eventlet's parts say it their way."""

    def heeding(environ: Any, start_response: Any) -> Any:
        result = application(environ, start_response)
        local: Any = getattr(wsgi, "WSGI_LOCAL", None)
        if local is not None and getattr(local, "already_handled", False):
            local.already_handled = False
            return ALREADY_HANDLED
        return ALREADY_HANDLED if result is getattr(wsgi, "ALREADY_HANDLED", None) else result

    return heeding
