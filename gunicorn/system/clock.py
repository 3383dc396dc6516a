"""Time: the monotonic clock of deadlines, and wall-clock stamps formatted once a second.

A deadline is an instant of ``monotonic()``; a stamp is text for people. Nothing here sleeps.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Stamp", "access_stamp", "iso_utc", "log_stamp", "monotonic", "monotonic_usec"]

monotonic = time.monotonic

#: the access log is read by programs: its months must not follow the locale of the process
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Stamp:
    """Text of a wall-clock second, made again only when the second has changed.

    Calling it without an argument stamps now; ``at`` is seconds since the epoch.
    """

    __slots__ = ("_format", "_known")

    def __init__(self, format_second: Callable[[int], str]) -> None:
        self._format = format_second
        # One tuple, replaced whole: a thread never sees the second of one with the text of another.
        self._known: tuple[int, str] = (-1, "")

    def __call__(self, at: float | None = None) -> str:
        second = int(time.time() if at is None else at)
        known = self._known
        if known[0] == second:
            return known[1]
        text = self._format(second)
        self._known = (second, text)
        return text


def access_stamp(second: int) -> str:
    """``[22/Nov/2026:10:32:47 +0000]``: the ``%(t)s`` of the access log, as Apache writes it."""
    at = time.localtime(second)
    return (
        f"[{at.tm_mday:02d}/{_MONTHS[at.tm_mon - 1]}/{at.tm_year:04d}"
        f":{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} {_zone(at)}]"
    )


def log_stamp(second: int) -> str:
    """``[2026-11-22 10:32:47 +0000]``: the start of a line of the error log."""
    at = time.localtime(second)
    return (
        f"[{at.tm_year:04d}-{at.tm_mon:02d}-{at.tm_mday:02d}"
        f" {at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d} {_zone(at)}]"
    )


def iso_utc(at: float) -> str:
    """``2026-11-22T10:32:47Z`` of ``at`` seconds since the epoch."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def monotonic_usec() -> int:
    """CLOCK_MONOTONIC in microseconds, as MONOTONIC_USEC= of sd_notify wants it."""
    return time.monotonic_ns() // 1000


def _zone(at: time.struct_time) -> str:
    minutes, sign = at.tm_gmtoff // 60, "+"
    if minutes < 0:
        minutes, sign = -minutes, "-"
    return f"{sign}{minutes // 60:02d}{minutes % 60:02d}"
