"""How fast dying workers are replaced."""

from __future__ import annotations

import pytest

from gunicorn.master.backoff import LONGEST_SECONDS, Backoff


def test_first_death_costs_nothing() -> None:
    made = Backoff()
    assert made.died_early(10.0) == 0.0
    assert made.seconds_left(10.0) == 0.0
    assert not made.is_news()


def test_delay_doubles_up_to_a_limit_and_is_told_once() -> None:
    made, now, delays, told = Backoff(), 0.0, [], 0
    for _ in range(9):
        delays.append(made.died_early(now))
        told += made.is_news()
        now += delays[-1]
    assert delays == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, *[LONGEST_SECONDS] * 3]
    assert told == 1


def test_deaths_of_one_batch_count_once() -> None:
    made = Backoff()
    made.died_early(0.0)
    assert made.died_early(0.1) == 1.0
    assert made.died_early(0.2) == pytest.approx(0.9)
    assert made.died_early(1.2) == 2.0


def test_staying_up_ends_it_and_is_told_only_after_a_loop_that_was() -> None:
    made = Backoff()
    made.died_early(0.0)
    assert not made.stayed_up()
    assert made.died_early(1.0) == 0.0
    made.died_early(2.0)
    assert made.is_news()
    assert made.stayed_up()
    assert not made.is_active
