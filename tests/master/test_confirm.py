"""Rounds of confirmations."""

from __future__ import annotations

from gunicorn.master.confirm import PATIENCE_SECONDS, Confirmations


class Asker:
    def __init__(self) -> None:
        self.answers: list[tuple[bool, str]] = []

    def __call__(self, done: bool, reason: str) -> None:
        self.answers.append((done, reason))


def test_answer_comes_with_the_last_confirmation() -> None:
    made, asker = Confirmations(), Asker()
    assert made.ask(asker)
    made.begin([1, 2], 0.0)
    made.confirmed(2)
    assert asker.answers == []
    made.confirmed(1)
    assert asker.answers == [(True, "")]


def test_without_workers_it_is_done_at_once() -> None:
    made, asker = Confirmations(), Asker()
    made.ask(asker)
    made.begin([], 0.0)
    assert asker.answers == [(True, "")]


def test_who_asks_during_a_round_waits_for_the_next() -> None:
    made, first, second = Confirmations(), Asker(), Asker()
    made.ask(first)
    made.begin([1], 0.0)
    assert not made.ask(second)
    assert not made.wants_round()
    made.confirmed(1)
    assert (first.answers, second.answers) == ([(True, "")], [])
    assert made.wants_round()
    made.begin([1], 1.0)
    made.confirmed(1)
    assert second.answers == [(True, "")]


def test_late_workers_are_named() -> None:
    made, asker = Confirmations(), Asker()
    made.ask(asker)
    made.begin([9, 4], 5.0)
    made.expire(5.0 + PATIENCE_SECONDS - 0.1)
    assert asker.answers == []
    made.expire(5.0 + PATIENCE_SECONDS)
    assert asker.answers == [(False, "workers that have not confirmed: 4, 9")]
