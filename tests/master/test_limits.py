"""Which worker is replaced for its age or its memory."""

from __future__ import annotations

from gunicorn.master.limits import Figures, first_over, is_limit_too_low

MIB = 1 << 20


def worker(
    pid: int = 1,
    *,
    age: float = 0.0,
    rss: int | None = 50 * MIB,
    first: int | None = 40 * MIB,
    max_age: float = 0,
    max_rss: int = 0,
) -> Figures:
    return Figures(pid, age, rss, first, max_age, max_rss)


def test_without_limits_nobody_is_replaced() -> None:
    assert first_over([worker(age=1e9, rss=1 << 50)]) is None


def test_age_beyond_the_limit() -> None:
    assert first_over([worker(age=60.0, max_age=60)]) is None
    overrun = first_over([worker(1, age=50.0, max_age=60), worker(2, age=61.0, max_age=60)])
    assert overrun is not None
    assert (overrun.pid, overrun.setting) == (2, "max_worker_age")
    assert overrun.text == "is 61 s old, more than max_worker_age (60 s)"


def test_memory_beyond_the_limit() -> None:
    assert first_over([worker(rss=50 * MIB, max_rss=50 * MIB)]) is None
    overrun = first_over([worker(rss=51 * MIB, max_rss=50 * MIB)])
    assert overrun is not None
    assert overrun.setting == "max_worker_rss"
    assert overrun.text == "has 51.0 MiB in memory, more than max_worker_rss (50.0 MiB)"


def test_only_the_first_of_many_is_named() -> None:
    overrun = first_over([worker(pid, age=9.0, max_age=1) for pid in (5, 6)])
    assert overrun is not None
    assert overrun.pid == 5


def test_unknown_memory_is_no_reason() -> None:
    assert first_over([worker(rss=None, first=None, max_rss=1)]) is None


def test_limit_that_a_new_worker_exceeds_would_replace_forever() -> None:
    hopeless = worker(rss=90 * MIB, first=60 * MIB, max_rss=50 * MIB)
    assert is_limit_too_low(hopeless)
    assert first_over([hopeless]) is None
