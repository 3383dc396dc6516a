"""The worker on Tornado's loop: WSGI applications by our HTTP, tornado's by its own.

    WSGI application          the sync worker, whose epoll is one more descriptor of the loop: what
                              the application has given the loop to do runs between two requests
    tornado.web.Application   tornado's HTTP server (``tornadohttp``); of ours are the doors, the
                              signals, the heartbeat and the end

The loop is asyncio's, as in every tornado since 5. It is made before the application is imported,
which may ask for it then. Rules: everything happens in the one thread of the loop, so a beat is
given only while the loop turns, and the master notices one that is blocked. This file knows no
connection.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

try:
    import tornado
except ImportError:
    raise RuntimeError(
        "You need tornado installed to use this worker: "
        "apt-get install python3-tornado, or pip install tornado"
    ) from None
from tornado.httputil import HTTPServerConnectionDelegate

from gunicorn.workers.sync import SyncWorker
from gunicorn.workers.tornadohttp import NativeServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["TornadoWorker"]

#: seconds granted to what the application has left running on the loop, to hear that it is over
_CANCEL_SECONDS = 1.0

if tornado.version_info < (6, 0):
    raise RuntimeError(f"You need tornado >= 6.0 to use this worker, this is {tornado.version}")


class TornadoWorker(SyncWorker):
    """One loop. A WSGI application has it for itself while it answers; tornado's handlers share it.

    What clients of a WSGI application are granted is what ``sync`` grants.
    """

    #: the server of an application that is tornado's own; None for WSGI
    _native: NativeServer | None = None

    def load_wsgi(self) -> None:
        """Make the loop, and load the application, and all else that can fail."""
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        super().load_wsgi()

    def _set_up(self) -> None:
        is_native = isinstance(self.wsgi, HTTPServerConnectionDelegate)
        if is_native:
            # In this process only. Tornado's server cannot go on with a sibling's connections.
            type(self).exchange = None
        super()._set_up()
        if is_native:
            self._native = NativeServer(self, self._admission, self._reactor)

    # -- the loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until told to stop, then finish what has begun."""
        try:
            self._loop.run_until_complete(self._serve_on_loop())
            self._cancel_all()
        finally:
            self._tear_down()

    async def _serve_on_loop(self) -> None:
        """Run the course of the sync worker, each turn when its epoll has something to say."""
        self._is_ready = self._loop.create_future()
        self._loop.add_reader(self._reactor.epoll.fileno(), self._wake)
        for wait in self._course():
            if wait and not self._steps.again:
                await self._wait_ready(self._interval)
            else:
                # What the application has on the loop has its turn too.
                await asyncio.sleep(0)
            if os.getpid() != self.pid:
                os._exit(1)  # a child of the application's, which has no turn
            self._turn(False)

    async def _wait_ready(self, seconds: float) -> None:
        """Leave the loop to others until our descriptors are ready, ``seconds`` at most."""
        if self.alive:
            self._idle_at[self._place] = time.monotonic()
        self._is_ready = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._wake)
        await self._is_ready
        timer.cancel()

    def _wake(self) -> None:
        # Called as long as the descriptors are ready, and they are until our turn has come.
        if not self._is_ready.done():
            self._is_ready.set_result(None)

    def _cancel_all(self) -> None:
        """End what the application has left running, so that it can clean up after itself."""
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._loop.run_until_complete(asyncio.wait(tasks, timeout=_CANCEL_SECONDS))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    # -- applications of tornado's own -------------------------------------------------------------

    def _open(self, door: Any) -> None:
        if self._native is None:
            super()._open(door)
        else:
            self._native.accept(door)

    def _descriptors(self) -> list[int]:
        return [*super()._descriptors(), *(() if self._native is None else self._native.fds())]

    def _end_child_on_return(self) -> None:
        super()._end_child_on_return()
        if self._native is not None:
            # The loop is the parent's: back in it, a child has nothing to do there.
            self._loop.call_soon(os._exit, 1)

    def _tend(self) -> bool:
        if self._native is not None and self._steps.now >= self._next_look:
            self._native.tend(self._steps.now)
        return super()._tend()

    def _leaving(self) -> Iterator[bool]:
        if self._native is None:
            yield from super()._leaving()
            return
        for seconds in self._native.leave(self._steps.now):
            self._interval = seconds
            yield True
            self._tend()
