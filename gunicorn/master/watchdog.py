"""Who has been silent for too long: judged from instants, without touching a process.

A worker that takes requests beats at least every half ``timeout``; one that boots has
``boot_timeout`` in all. A master that was itself stopped (SIGSTOP, a frozen machine or container)
finds every beat old when it wakes up: it has learnt nothing about its workers, so it gives them
their time again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from gunicorn.shapes import NamedTuple

__all__ = ["ABORT_SECONDS", "GAP_SECONDS", "Judgement", "Pulse", "Verdict", "Watchdog"]

#: a turn of the master's loop waits at most a second; one that took longer means we did not run
GAP_SECONDS = 1.5
#: between ABRT, which lets a worker say what it was doing, and KILL
ABORT_SECONDS = 1.0


class Pulse(NamedTuple):
    """What is known of one worker; instants and seconds are monotonic, a limit of 0 is none."""

    pid: int
    is_ready: bool
    spawned_at: float
    beat_at: float
    aborted_at: float | None
    timeout: float
    boot_timeout: float


class Judgement(enum.Enum):
    ABORT = "abort"
    KILL = "kill"


class Verdict(NamedTuple):
    pid: int
    judgement: Judgement
    #: for how long the worker was silent, or has been booting
    seconds: float
    reason: str


class Watchdog:
    """Judges pulses; ``turn`` is called once per turn of the loop, before ``judge``."""

    def __init__(self) -> None:
        self._turned_at: float | None = None
        self._pardoned_at = float("-inf")

    def turn(self, now: float) -> bool:
        """Note that the loop has come round; say whether it had been standing still."""
        gap = self._turned_at is not None and now - self._turned_at > GAP_SECONDS
        self._turned_at = now
        if gap:
            self._pardoned_at = now
        return gap

    def judge(self, now: float, pulses: Iterable[Pulse]) -> list[Verdict]:
        """Give a verdict for each worker that is overdue."""
        verdicts = []
        for pulse in pulses:
            if pulse.aborted_at is not None:
                since = now - max(pulse.aborted_at, self._pardoned_at)
                if since >= ABORT_SECONDS:
                    verdicts.append(Verdict(pulse.pid, Judgement.KILL, since, "did not abort"))
                continue
            alive_at = pulse.beat_at if pulse.is_ready else pulse.spawned_at
            limit = pulse.timeout if pulse.is_ready else pulse.boot_timeout
            silent = now - max(alive_at, self._pardoned_at)
            if limit and silent > limit:
                reason = "timeout" if pulse.is_ready else "boot timeout"
                verdicts.append(Verdict(pulse.pid, Judgement.ABORT, silent, reason))
        return verdicts
