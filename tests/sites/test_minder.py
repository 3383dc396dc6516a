from __future__ import annotations

import pytest

from gunicorn.sites.minder import FIRST_DELAY, GOOD_SERVICE, LONGEST_DELAY, Action, Minder, State


def running(now: float = 0.0) -> Minder:
    minder = Minder("shop", stop_timeout=45, start_timeout=90)
    assert minder.start() is Action.SPAWN
    minder.spawned(100, now)
    minder.ready(now)
    return minder


def test_a_start_is_settled_when_the_master_is_ready() -> None:
    minder = Minder("shop")
    assert minder.start() is Action.SPAWN
    minder.spawned(100, now=5)
    assert (minder.state, minder.deadline, minder.is_settled) == (State.STARTING, 95, False)
    minder.ready(now=6)
    assert (minder.state, minder.deadline, minder.is_settled) == (State.UP, None, True)
    assert minder.start() is None


def test_a_boot_without_end_is_killed() -> None:
    minder = Minder("shop", start_timeout=90)
    minder.start()
    minder.spawned(100, now=0)
    assert minder.expired(now=90) is Action.KILL
    assert minder.exited(-9, now=90) is None
    assert minder.state is State.WAITING
    assert minder.text == "did not become ready in time"


def test_a_stop_is_graceful_and_then_killed() -> None:
    minder = running()
    assert minder.stop(now=10) is Action.TERM
    assert minder.deadline == 55
    assert minder.stop(now=11) is None
    assert minder.expired(now=55) is Action.KILL
    assert minder.exited(-9, now=55) is None
    assert (minder.state, minder.pid, minder.is_settled) == (State.DOWN, None, True)


def test_a_restart_spawns_when_the_old_one_is_gone() -> None:
    minder = running()
    assert minder.restart(now=10) is Action.TERM
    assert not minder.is_settled
    assert minder.exited(0, now=11) is Action.SPAWN


def test_start_during_a_stop_and_stop_during_a_restart() -> None:
    minder = running()
    minder.stop(now=1)
    assert minder.start() is None
    assert minder.exited(0, now=2) is Action.SPAWN
    minder = running()
    minder.restart(now=1)
    minder.stop(now=1)
    assert minder.exited(0, now=2) is None
    assert minder.state is State.DOWN


def test_back_off_doubles_to_a_minute_and_is_forgotten_after_good_service() -> None:
    minder = Minder("shop")
    minder.start()
    delays, now = [], 0.0
    for _ in range(9):
        minder.spawned(100, now)
        minder.exited(1, now)
        assert minder.deadline is not None
        delays.append(minder.deadline - now)
        now = minder.deadline
        assert minder.expired(now) is Action.SPAWN
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert (delays[0], delays[-1]) == (FIRST_DELAY, LONGEST_DELAY)
    minder.spawned(100, now)
    minder.ready(now)
    minder.exited(1, now + GOOD_SERVICE)
    assert minder.deadline == now + GOOD_SERVICE + FIRST_DELAY


def test_a_wrong_site_file_is_not_tried_again() -> None:
    minder = Minder("shop")
    minder.start()
    minder.spawned(100, now=0)
    assert minder.exited(78, now=1) is None
    assert (minder.state, minder.deadline, minder.is_settled) == (State.REFUSED, None, True)
    assert minder.start() is Action.SPAWN


def test_a_master_that_was_told_to_go_by_somebody_else_stays_away() -> None:
    minder = running()
    assert minder.exited(0, now=5) is None
    assert minder.state is State.DOWN


@pytest.mark.parametrize("state", [State.WAITING, State.REFUSED])
def test_stopping_what_does_not_run_forgets_it(state: State) -> None:
    minder = Minder("shop")
    minder.start()
    minder.spawned(100, now=0)
    minder.exited(78 if state is State.REFUSED else 1, now=1)
    assert minder.state is state
    assert minder.stop(now=2) is None
    assert (minder.state, minder.deadline) == (State.DOWN, None)


def test_a_late_ready_of_a_stopping_master_changes_nothing() -> None:
    minder = Minder("shop")
    minder.start()
    minder.spawned(100, now=0)
    minder.stop(now=1)
    minder.ready(now=2)
    assert minder.state is State.STOPPING


def test_a_master_that_hands_over_is_no_death() -> None:
    minder = running()
    minder.succeeded_by(200)
    assert (minder.pid, minder.group, minder.state) == (200, 100, State.UP)
    minder.exited(-9, now=GOOD_SERVICE + 1)
    assert minder.state is State.WAITING
