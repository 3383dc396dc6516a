"""The registry is fed messages; no process is harmed."""

from __future__ import annotations

import signal

from gunicorn.master import children
from gunicorn.master.children import Children, State


def registry(*pids: int, generation: int = 1) -> Children:
    made = Children()
    for age, pid in enumerate(pids, 1):
        made.update(children.Spawned(pid, age, generation, f"worker {pid}", 10.0))
    return made


def test_spawned_workers_are_listed_oldest_first() -> None:
    made = Children()
    made.update(children.Spawned(5, 2, 1, "b", 0.0))
    made.update(children.Spawned(9, 1, 1, "a", 0.0))
    assert [child.pid for child in made] == [9, 5]
    assert made.workers() == {9: "a", 5: "b"}


def test_worker_counts_from_its_fork_and_is_ready_when_it_says_so() -> None:
    made = registry(1, 2)
    assert [child.pid for child in made.serving(1)] == [1, 2]
    assert made.ready(1) == []
    made.update(children.Ready(2, 11.0))
    assert [child.pid for child in made.ready(1)] == [2]


def test_second_ready_changes_nothing() -> None:
    made = registry(1)
    made.update(children.Ready(1, 11.0))
    child = made.update(children.Ready(1, 12.0))
    assert child is not None and child.ready_at == 11.0


def test_generations_are_counted_apart() -> None:
    made = registry(1)
    made.update(children.Spawned(2, 2, 2, "new", 0.0))
    assert [child.pid for child in made.serving(1)] == [1]
    assert [child.pid for child in made.serving(2)] == [2]


def test_leaving_worker_serves_until_it_has_a_successor() -> None:
    made = registry(1)
    made.update(children.Ready(1, 11.0))
    made.update(children.ReplaceAsked(1, "max_requests"))
    assert made.serving(1) == []
    assert [child.pid for child in made.leaving()] == [1]


def test_retired_worker_that_says_ready_stays_retired() -> None:
    made = registry(1)
    made.update(children.Retired(1, 40.0, "stop"))
    child = made.update(children.Ready(1, 11.0))
    assert child is not None and child.state is State.RETIRING
    assert child.was_told_to_go


def test_who_has_nothing_to_finish_may_be_told_again() -> None:
    made = registry(1, 2, 3)
    for pid in (1, 2):
        made.update(children.Ready(pid, 11.0))
    made.update(children.Retired(1, 40.0, "reload", signal.SIGTERM, 12.0))
    made.update(children.Retired(2, 40.0, "stop", signal.SIGQUIT, 12.0))
    made.update(children.Retired(3, 40.0, "failed reload", signal.SIGTERM, 12.0))
    assert [child.pid for child in made if child.has_nothing_to_finish] == [2, 3]
    made.update(children.Aborted(2, 13.0, "graceful timeout"))
    assert [child.pid for child in made if child.has_nothing_to_finish] == [3]


def test_killed_worker_is_not_retired_again() -> None:
    made = registry(1)
    made.update(children.Aborted(1, 20.0, "timeout"))
    child = made.update(children.Retired(1, 40.0, "stop"))
    assert child is not None
    assert (child.state, child.killed_for, child.aborted_at) == (State.KILLED, "timeout", 20.0)


def test_first_failure_is_the_cause() -> None:
    made = registry(1)
    made.update(children.Failed(1, "no module", 4))
    child = made.update(children.Failed(1, "and then this", 3))
    assert child is not None
    assert (child.failure, child.failure_status) == ("no module", 4)


def test_reaped_worker_is_given_back_once() -> None:
    made = registry(1)
    child = made.update(children.Reaped(1))
    assert child is not None and child.pid == 1
    assert made.update(children.Reaped(1)) is None
    assert len(made) == 0


def test_unknown_pid_is_nobody() -> None:
    made = registry(1)
    assert made.update(children.Ready(77, 1.0)) is None
    assert made.update(children.Reaped(77)) is None
    assert made.get(77) is None


def test_old_generation_is_gone_when_none_of_it_accepts() -> None:
    made = registry(1, 2)
    made.update(children.Spawned(3, 3, 2, "new", 0.0))
    assert not made.are_gone_before(2)
    made.update(children.Left(1))
    made.update(children.Reaped(2))
    assert made.are_gone_before(2)
