"""Every phase says of every signal what becomes of it."""

from __future__ import annotations

import itertools
import signal

import pytest

from gunicorn.master import phases
from gunicorn.master.phases import Move, Phase

HUP, USR1 = signal.SIGHUP, signal.SIGUSR1
TTIN, TTOU, CHLD = signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD


def drain(queue: list[int], phase: Phase) -> list[int]:
    handled = []
    while (found := phases.next_signal(queue, phase)) is not None:
        if found[1] is Move.NOW:
            handled.append(found[0])
    return handled


@pytest.mark.parametrize("phase", Phase)
def test_quick_stop_and_log_rotation_work_in_every_phase(phase: Phase) -> None:
    for signum in (signal.SIGINT, signal.SIGQUIT, USR1):
        assert phases.TABLE[phase][signum] is Move.NOW


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.RELOADING])
def test_hup_waits_for_the_verdict(phase: Phase) -> None:
    queue = [HUP]
    assert phases.next_signal(queue, phase) is None
    assert phases.next_signal(queue, Phase.RUNNING) == (HUP, Move.NOW)
    assert queue == []


def test_signals_that_wait_let_others_pass_and_keep_their_order() -> None:
    queue: list[int] = [TTIN, HUP, TTOU, signal.SIGTERM]
    assert phases.next_signal(queue, Phase.RELOADING) == (signal.SIGTERM, Move.NOW)
    assert queue == [TTIN, HUP, TTOU]


def test_stopping_takes_no_reload() -> None:
    queue: list[int] = [HUP, TTIN, signal.SIGTERM]
    assert drain(queue, Phase.STOPPING) == []
    assert queue == []


def test_hup_and_usr1_coalesce() -> None:
    queue: list[int] = []
    phases.admit(queue, [HUP, USR1, HUP, USR1, HUP])
    assert queue == [HUP, USR1]


def test_ttin_and_ttou_never_coalesce() -> None:
    queue: list[int] = []
    phases.admit(queue, [TTIN, TTIN, TTOU, TTIN])
    assert queue == [TTIN, TTIN, TTOU, TTIN]


def test_child_signal_only_wakes() -> None:
    queue: list[int] = []
    phases.admit(queue, [CHLD, CHLD])
    assert queue == []


def test_signal_without_a_row_is_given_without_a_move() -> None:
    assert phases.next_signal([signal.SIGALRM], Phase.RUNNING) == (signal.SIGALRM, None)


@pytest.mark.parametrize(
    ("phase", "signum"), list(itertools.product(Phase, phases.SIGNALS)), ids=str
)
def test_nothing_stays_in_the_queue_of_a_running_master(
    phase: Phase, signum: signal.Signals
) -> None:
    """Whatever a phase postpones, RUNNING or STOPPING takes out."""
    queue = [int(signum)]
    phases.next_signal(queue, phase)
    end = Phase.STOPPING if phase is Phase.STOPPING else Phase.RUNNING
    drain(queue, end)
    assert queue == []
