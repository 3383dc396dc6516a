"""Several requests at once, each with a deadline: who is at what since when, and who is late.

For the worker classes that serve requests side by side and so can end one without the others. At
its deadline the stack of a request is logged and its client is answered 503, unless its answer has
begun; the worker asks for a successor and takes no new requests, and its other requests finish.

Rules: nothing here looks at a clock by itself, waits, or ends anything: the classes know how. What
is under way is an object with ``request``, ``connection`` and ``started``, which is set here.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Iterator

from gunicorn.http import errors, response
from gunicorn.http.message import Request
from gunicorn.system.memory import WorkerSlot
from gunicorn.workers.base import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["RETRY_SECONDS", "UnderWay", "late_page", "stack_of", "stacks_of_threads", "tell_late"]

#: for a client whose request was late: when to try again, seconds
RETRY_SECONDS = 5


class UnderWay:
    """The requests a worker is at, oldest first. The master is shown the oldest.

    ``limit``: seconds a request may take, 0 for any. One that was late is not among them any more.
    """

    def __init__(self, slot: WorkerSlot, limit: float) -> None:
        self._slot = slot
        self.limit = limit
        self._items: dict[Any, None] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        # Over a copy: signals and other threads come in between.
        return iter(list(self._items))

    def begin(self, item: Any) -> None:
        """Note that ``item`` is served from now on."""
        item.started = time.monotonic()
        if not self._items:
            self._show(item)
        self._items[item] = None

    def end(self, item: Any, now: float) -> None:
        """Note that ``item`` is served, and count it."""
        self._items.pop(item, None)
        self._slot.end_request(now - item.started)
        if self._items:
            self._show(next(iter(self._items)))

    def take_late(self, now: float) -> list[Any]:
        """Return those whose deadline has passed, each once."""
        late = []
        if self.limit:
            for item in self:
                if now - item.started <= self.limit:
                    break
                late.append(item)
                del self._items[item]
        return late

    def _show(self, item: Any) -> None:
        """Have the master know of it: the oldest is what a timeout or a death would be about."""
        request = item.request
        addr, port, _ = item.connection.peer
        self._slot.show_request(request.method, request.path, addr, port, item.started)


def tell_late(worker: Worker, item: Any, now: float, stacks: str) -> None:
    """Log that ``item`` is late, and what it was doing."""
    worker.log.critical(
        "worker pid=%d: request %s has run for %.0f s, the timeout; asking for a successor",
        worker.pid,
        item.request.uri,
        now - item.started,
    )
    worker.log.error("%s", stacks)


def late_page(request: Request) -> bytes:
    """Return the answer to a request that was late: 503, and when to try again."""
    page = response.error_page(503, errors.REASONS[503], "The request took too long.")
    page = page.replace(b"\r\n", b"\r\nRetry-After: %d\r\n" % RETRY_SECONDS, 1)
    if request.method == "HEAD":
        page = page[: page.index(b"\r\n\r\n") + 4]
    return page


def stack_of(green: Any) -> str:
    """Return what a green thread waits in."""
    frame = green.gr_frame
    return f"the late green thread:\n{''.join(traceback.format_stack(frame)) if frame else ''}"


def stacks_of_threads(late: int) -> str:
    """Return what all threads are doing, the one with the ident ``late`` first."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()
    parts = []
    for ident in sorted(frames, key=lambda ident: ident != late):
        title = "the late thread" if ident == late else "thread"
        lines = traceback.format_stack(frames[ident])
        parts.append(f"{title} {names.get(ident, ident)}:\n{''.join(lines)}")
    return "\n".join(parts)
