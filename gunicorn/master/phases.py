"""What a signal means while the master is in a phase, as a table.

A signal that a phase does not list is ignored there. ``LATER`` keeps it in the queue, in order,
until a phase that handles it; this is how a second HUP waits for the first one's verdict.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Iterable

__all__ = ["COALESCED", "SIGNALS", "TABLE", "Move", "Phase", "admit", "next_signal"]

_TERM, _INT, _QUIT, _HUP = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP
_TTIN, _TTOU, _USR1, _USR2 = signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR1, signal.SIGUSR2
_WINCH = signal.SIGWINCH


class Phase(enum.Enum):
    """Where the master is between its start and its end."""

    #: the first generation of workers is booting; nothing has been proven yet
    STARTING = "starting"
    RUNNING = "running"
    #: a new generation is on trial beside the one that serves
    RELOADING = "reloading"
    #: listeners are closed, workers are told to go
    STOPPING = "stopping"


class Move(enum.Enum):
    """What to do with a signal."""

    NOW = "handle it"
    LATER = "keep it for a later phase"


_ALWAYS = {_INT: Move.NOW, _QUIT: Move.NOW, _USR1: Move.NOW}
_SERVING = {**_ALWAYS, _TERM: Move.NOW}
#: what must not meet a generation on trial: it is judged by the number of workers it was started
#: with, after a failure the old number and the old listeners are back, and one reload ends before
#: the next begins
_SETTLED = (_HUP, _TTIN, _TTOU, _USR2, _WINCH)

TABLE: dict[Phase, dict[signal.Signals, Move]] = {
    Phase.STARTING: {**_SERVING, **dict.fromkeys(_SETTLED, Move.LATER)},
    Phase.RUNNING: {**_SERVING, **dict.fromkeys(_SETTLED, Move.NOW)},
    Phase.RELOADING: {**_SERVING, **dict.fromkeys(_SETTLED, Move.LATER)},
    # INT and QUIT make a graceful stop a quick one; a second TERM adds nothing.
    Phase.STOPPING: _ALWAYS,
}

#: every signal the master takes, CHLD apart, which only wakes it
SIGNALS = tuple(dict.fromkeys(signum for row in TABLE.values() for signum in row))

#: asking twice before it is done is asking once
COALESCED = frozenset({_HUP, _USR1})


def admit(queue: list[int], arrived: Iterable[int]) -> None:
    """Append what ``arrived`` to the ``queue``, leaving out CHLD and what would be said twice."""
    for signum in arrived:
        if signum == signal.SIGCHLD or (signum in COALESCED and signum in queue):
            continue
        queue.append(signum)


def next_signal(queue: list[int], phase: Phase) -> tuple[int, Move | None] | None:
    """Remove and give the first signal of the ``queue`` that is not for later; None: none is.

    The move is None where the phase has no use for the signal.
    """
    row = TABLE[phase]
    for place, signum in enumerate(queue):
        move = row.get(signal.Signals(signum)) if signum in SIGNALS else None
        if move is not Move.LATER:
            del queue[place]
            return signum, move
    return None
