"""Who still owes a confirmation: used for reopened log files. Pure.

Askers are functions that take the answer. Confirmations carry no number and a signal sent twice may
be confirmed once, so a round that is under way is finished before the next begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["PATIENCE_SECONDS", "Answer", "Confirmations"]

#: takes True, or False with the reason
Answer = Callable[[bool, str], None]

PATIENCE_SECONDS = 10.0


class Confirmations:
    """One round of confirmations, and those who wait for the next."""

    def __init__(self) -> None:
        self._owing: set[int] = set()
        self._askers: list[Answer] = []
        self._waiting: list[Answer] = []
        self._deadline = 0.0

    def ask(self, answer: Answer) -> bool:
        """Take an asker; say whether to begin a round now."""
        self._waiting.append(answer)
        return not self._askers

    def wants_round(self) -> bool:
        """Say whether somebody waits for a round that has not begun."""
        return bool(self._waiting) and not self._askers

    def begin(self, pids: Iterable[int], now: float) -> None:
        """Begin a round: all ``pids`` have been told."""
        self._askers, self._waiting = self._waiting, []
        self._owing = set(pids)
        self._deadline = now + PATIENCE_SECONDS
        self._settle()

    def confirmed(self, pid: int) -> None:
        """Note that ``pid`` has done it, or is no more."""
        self._owing.discard(pid)
        self._settle()

    def expire(self, now: float) -> None:
        """Answer for those who have not confirmed in time."""
        if self._askers and now >= self._deadline:
            late = ", ".join(map(str, sorted(self._owing)))
            self._answer(False, f"workers that have not confirmed: {late}")

    def _settle(self) -> None:
        if self._askers and not self._owing:
            self._answer(True, "")

    def _answer(self, done: bool, reason: str) -> None:
        askers, self._askers = self._askers, []
        self._owing.clear()
        for answer in askers:
            answer(done, reason)
