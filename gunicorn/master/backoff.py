"""How fast to replace workers that keep dying: at once the first time, then ever more slowly.

Pure: it is told instants and gives delays. "Early" is a death that nobody asked for, before the
worker had been ready for ``STEADY_SECONDS``.
"""

from __future__ import annotations

__all__ = ["LONGEST_SECONDS", "STEADY_SECONDS", "Backoff"]

STEADY_SECONDS = 3.0
LONGEST_SECONDS = 30.0


class Backoff:
    """The delay before the next spawn."""

    def __init__(self) -> None:
        self._deaths = 0
        self._spawn_at = float("-inf")
        self._said = False

    def died_early(self, now: float) -> float:
        """Note an early death; give the delay it costs, in seconds."""
        if now < self._spawn_at:
            return self._spawn_at - now  # of the same batch as the death before
        self._deaths += 1
        delay = min(2.0 ** (self._deaths - 2), LONGEST_SECONDS) if self._deaths > 1 else 0.0
        self._spawn_at = now + delay
        return delay

    def seconds_left(self, now: float) -> float:
        """Give how long to wait before spawning; 0 when nothing stands in the way."""
        return max(0.0, self._spawn_at - now)

    def is_news(self) -> bool:
        """Say, once per crash loop, that it should be told."""
        if self._deaths < 2 or self._said:
            return False
        self._said = True
        return True

    def stayed_up(self) -> bool:
        """Forget the deaths, for workers stay; say whether a loop that was told is over."""
        told, self._said = self._said, False
        self._deaths = 0
        self._spawn_at = float("-inf")
        return told

    @property
    def is_told(self) -> bool:
        """Whether this crash loop has been told."""
        return self._said

    @property
    def is_active(self) -> bool:
        """Whether there are deaths to forget."""
        return self._deaths > 0
