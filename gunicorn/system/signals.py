"""Signals as a queue: the kernel's delivery writes one byte into a pipe, a loop takes them out.

The pipe *is* the queue, so a handler runs no code of ours and nothing is lost between a look and
a wait. Also the two moments around a fork when signals must not arrive, and names for people.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from types import FrameType

__all__ = ["SignalPipe", "blocked", "ignore", "name_of", "reset"]

#: written by ``poke``; no signal has the number 0
_POKE = b"\0"


def name_of(signum: int) -> str:
    """``hup`` for SIGHUP; ``signal 40`` for a number without a name."""
    try:
        return signal.Signals(signum).name[3:].lower()
    except ValueError:
        return f"signal {signum}"


class SignalPipe:
    """Collects signals of this process; ``fileno()`` is readable when ``take()`` has something.

    The standard signals are not queued by the kernel while blocked or stopped; what it delivers,
    we keep, in order and in number.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._signums: set[int] = set()
        self._previous_wakeup = -1

    @property
    def pair(self) -> tuple[int, int]:
        """The two ends (reader, writer)."""
        return self._reader, self._writer

    def fileno(self) -> int:
        return self._reader

    def install(self, signums: Iterable[int]) -> None:
        """Take ``signums`` from now on. Main thread only."""
        self._signums.update(signums)
        self._previous_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for signum in self._signums:
            # The C half of Python's handling writes the byte; this half only has to exist.
            signal.signal(signum, _nothing)

    def take(self) -> list[int]:
        """Remove and give what has arrived, oldest first; pokes are not among it."""
        arrived = b""
        while True:
            try:
                chunk = os.read(self._reader, 4096)
            except BlockingIOError:
                break
            arrived += chunk
            if len(chunk) < 4096:
                break
        # Signals with a handler of somebody else (a library, SIGINT's default) write their byte
        # as well.
        return [signum for signum in arrived if signum in self._signums]

    def poke(self) -> None:
        """Make ``fileno()`` readable once."""
        try:
            os.write(self._writer, _POKE)
        except BlockingIOError:
            pass  # full: it is readable already

    def close(self) -> None:
        """Put default handling back and close the pipe."""
        if self._signums:
            signal.set_wakeup_fd(self._previous_wakeup)
            reset(self._signums)
            self._signums.clear()
        os.close(self._reader)
        os.close(self._writer)


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """Hold back every signal for the length of the block; they arrive after it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def reset(signums: Iterable[int]) -> None:
    """Give ``signums`` their default action."""
    for signum in signums:
        signal.signal(signum, signal.SIG_DFL)


def ignore(signums: Iterable[int]) -> None:
    """Have the kernel drop ``signums`` from now on, for a process that is on its way out.

    While an interpreter ends it gives every signal with a handler its default action back, and a
    second request to stop would then change the exit status; what is ignored stays ignored.
    """
    for signum in signums:
        signal.signal(signum, signal.SIG_IGN)


def _nothing(signum: int, frame: FrameType | None) -> None:
    pass
