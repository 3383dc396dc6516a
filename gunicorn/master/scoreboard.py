"""What the workers are doing, in figures: for ``status``, for the service manager, for limits.

Reads the pages that the workers write and samples what the kernel knows of them. It keeps what a
single look cannot tell: how many requests those that are gone have served, how fast they come, and
how long they take.
"""

from __future__ import annotations

from collections import deque

from gunicorn.master.children import Child, Children, State
from gunicorn.system import durations, procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["SAMPLE_SECONDS", "Scoreboard", "describe"]

#: between two looks at the memory of the workers and the number of their requests
SAMPLE_SECONDS = 2.0
#: how far back rate and latency of requests look, in samples
_SAMPLES = 5


class Scoreboard:
    """The figures of one server; it is told instants and never asks for the time."""

    def __init__(self, children: Children) -> None:
        self._children = children
        self._took_by_the_dead = [0] * durations.PLACES
        self._history: deque[tuple[float, list[int]]] = deque(maxlen=_SAMPLES + 1)
        self._next_sample = float("-inf")

    @property
    def requests(self) -> int:
        """How many requests the server has served since its start."""
        return sum(self._took())

    def _took(self) -> list[int]:
        """How many requests took how long, since the start."""
        living = [child.worker.tmp.took() for child in self._children]
        return [sum(counts) for counts in zip(self._took_by_the_dead, *living, strict=True)]

    @property
    def busy(self) -> int:
        """How many workers are at a request."""
        return sum(child.worker.tmp.busy_seconds() is not None for child in self._children)

    @property
    def rate(self) -> float:
        """Requests per second, over the last samples."""
        if len(self._history) < 2:
            return 0.0
        (began, before), (ended, after) = self._history[0], self._history[-1]
        return (sum(after) - sum(before)) / (ended - began)

    @property
    def latency(self) -> dict[str, float | None]:
        """Seconds within which half and 95 of 100 requests were served, since the oldest sample.

        None when there was no request.
        """
        counts = self._took()
        if self._history:
            counts = [now - then for now, then in zip(counts, self._history[0][1], strict=True)]
        found = {"p50": durations.quantile(counts, 0.5), "p95": durations.quantile(counts, 0.95)}
        return {name: None if value is None else round(value, 6) for name, value in found.items()}

    def buried(self, child: Child) -> None:
        """Note that a worker is no more."""
        took = child.worker.tmp.took()
        self._took_by_the_dead = [a + b for a, b in zip(self._took_by_the_dead, took, strict=True)]

    def is_due(self, now: float) -> bool:
        """Say whether it is time for a sample."""
        return now >= self._next_sample

    def sample(self, now: float) -> None:
        """Look at all workers."""
        self._next_sample = now + SAMPLE_SECONDS
        self._history.append((now, self._took()))
        for child in self._children:
            # One that is just ending has none any more: what it had is of more use.
            child.rss = procfs.resident_bytes(child.pid) or child.rss

    def load(self) -> str:
        """Give the fleeting figures: ``1 busy, 12.5 requests/s``."""
        return f"{self.busy} busy, {self.rate:.1f} requests/s"


def describe(child: Child, now: float) -> dict[str, Any]:
    """Give the record of one worker for ``status``."""
    slot = child.worker.tmp
    busy = slot.busy_seconds()
    current = slot.current_request() if busy is not None else None
    return {
        "pid": child.pid,
        "age": child.age,
        "generation": child.generation,
        "ready": child.state is State.READY,
        "state": child.state.value,
        "leaves_for": child.leaves_for or None,
        "requests": slot.requests,
        "rss": child.rss,
        "silent_seconds": round(max(0.0, now - slot.last_update()), 3),
        "busy_seconds": None if busy is None else round(busy, 3),
        "request": None
        if current is None
        else {"method": current.method, "path": current.path, "peer": current.peer},
    }
