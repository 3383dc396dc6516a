"""Stamps: their text, and that a second is formatted once."""

from __future__ import annotations

import time

import pytest

from gunicorn.system import clock


@pytest.fixture(params=["UTC0", "CET-1", "NST3:30"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    request.addfinalizer(time.tzset)
    name: str = request.param
    return name


def test_stamps_carry_the_zone(zone: str) -> None:
    wanted = {"UTC0": "10:32:47 +0000", "CET-1": "11:32:47 +0100", "NST3:30": "07:02:47 -0330"}
    assert clock.access_stamp(1353580367) == f"[22/Nov/2012:{wanted[zone]}]"
    assert clock.log_stamp(1353580367) == f"[2012-11-22 {wanted[zone]}]"


def test_second_is_formatted_once() -> None:
    made: list[int] = []

    def format_second(second: int) -> str:
        made.append(second)
        return str(second)

    stamp = clock.Stamp(format_second)
    assert [stamp(5.1), stamp(5.9), stamp(6.0), stamp(6.5)] == ["5", "5", "6", "6"]
    assert made == [5, 6]


def test_iso() -> None:
    assert clock.iso_utc(1353580367.9) == "2012-11-22T10:32:47Z"
