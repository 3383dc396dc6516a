"""Which worker has grown too old or too big: judged from figures, without touching a process.

One worker at a time: a limit is reached by all workers of a server at about the same moment, and
replacing them together would take their memory twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from gunicorn.shapes import NamedTuple

__all__ = ["Figures", "Overrun", "first_over", "is_limit_too_low", "mebibytes"]


class Figures(NamedTuple):
    """What is known of one worker; a limit of 0 is none, bytes that are unknown are None."""

    pid: int
    #: seconds since it was ready
    age: float
    rss: int | None
    #: what it had when it was ready
    rss_at_first: int | None
    max_age: float
    max_rss: int


class Overrun(NamedTuple):
    """A worker to replace: the setting whose limit it is beyond, and a sentence for the log."""

    pid: int
    setting: str
    text: str


def first_over(workers: Iterable[Figures]) -> Overrun | None:
    """Give the first worker, oldest first, that is beyond a limit."""
    for worker in workers:
        if worker.max_age and worker.age > worker.max_age:
            text = f"is {worker.age:.0f} s old, more than max_worker_age ({worker.max_age:.0f} s)"
            return Overrun(worker.pid, "max_worker_age", text)
        if (
            worker.max_rss
            and worker.rss is not None
            and worker.rss > worker.max_rss
            and not is_limit_too_low(worker)
        ):
            text = (
                f"has {mebibytes(worker.rss)} in memory, "
                f"more than max_worker_rss ({mebibytes(worker.max_rss)})"
            )
            return Overrun(worker.pid, "max_worker_rss", text)
    return None


def is_limit_too_low(worker: Figures) -> bool:
    """Say whether a new worker is beyond the limit already: its successor would be as well."""
    first = worker.rss_at_first
    return bool(worker.max_rss) and first is not None and first > worker.max_rss


def mebibytes(size: int) -> str:
    """``12.5 MiB``."""
    return f"{size / (1 << 20):.1f} MiB"
