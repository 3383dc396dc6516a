"""A histogram by the bits of a double: every duration finds its place, and quantiles come close."""

from __future__ import annotations

import random
import struct

import pytest

from gunicorn.system.durations import PLACE_BY_BITS, PLACES, quantile


def place(seconds: float) -> int:
    upper = struct.unpack(">4H", struct.pack(">d", seconds))[0]
    return PLACE_BY_BITS[upper]


def counted(*seconds: float) -> list[int]:
    counts = [0] * PLACES
    for one in seconds:
        counts[place(one)] += 1
    return counts


def test_longer_durations_never_come_before_shorter_ones() -> None:
    durations = [2.0**exponent * share for exponent in range(-30, 20) for share in (1, 1.3, 1.9)]
    places = [place(one) for one in sorted(durations)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, PLACES - 1)


@pytest.mark.parametrize("seconds", [0.0, -0.0, 1e-300, 5e-324])
def test_next_to_nothing_is_the_first_place(seconds: float) -> None:
    assert place(seconds) == 0


@pytest.mark.parametrize("seconds", [1e-6, 0.0004, 0.02, 0.999, 1.0, 30.0, 3599.0])
def test_one_duration_is_every_quantile_of_itself(seconds: float) -> None:
    counts = counted(-seconds)  # as it stands in the page, the sign says that the request is over
    for share in (0.01, 0.5, 0.95, 1.0):
        assert quantile(counts, share) == pytest.approx(seconds, rel=1 / 8)


def test_quantiles_of_many() -> None:
    generator = random.Random(7)
    seconds = sorted(generator.lognormvariate(-4, 1.5) for _ in range(10_000))
    counts = counted(*seconds)
    for share in (0.1, 0.5, 0.95, 0.99):
        exact = seconds[round(share * len(seconds)) - 1]
        assert quantile(counts, share) == pytest.approx(exact, rel=1 / 16)


def test_without_durations_there_is_no_quantile() -> None:
    assert quantile(counted(), 0.5) is None


def test_what_never_ends_counts_as_the_longest() -> None:
    assert quantile(counted(float("inf")), 0.5) == pytest.approx(4096, rel=1 / 8)
