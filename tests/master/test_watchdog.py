"""Heartbeats are judged from instants; the clock here is a number."""

from __future__ import annotations

from gunicorn.master.watchdog import ABORT_SECONDS, Judgement, Pulse, Watchdog

READY = Pulse(
    pid=7, is_ready=True, spawned_at=0.0, beat_at=100.0, aborted_at=None,
    timeout=30.0, boot_timeout=60.0,
)  # fmt: skip
BOOTING = READY._replace(is_ready=False, spawned_at=100.0, beat_at=100.0)


def awake(until: float) -> Watchdog:
    """Give a watchdog whose loop has turned every second until now."""
    made = Watchdog()
    for second in range(int(until)):
        made.turn(float(second))
    made.turn(until)
    return made


def test_beating_worker_lives() -> None:
    assert awake(130.0).judge(130.0, [READY]) == []


def test_silent_worker_is_aborted() -> None:
    (verdict,) = awake(130.5).judge(130.5, [READY])
    assert (verdict.pid, verdict.judgement, verdict.reason) == (7, Judgement.ABORT, "timeout")
    assert verdict.seconds == 30.5


def test_aborted_worker_is_killed_a_round_later() -> None:
    aborted = READY._replace(aborted_at=131.0)
    dog = awake(131.0)
    assert dog.judge(131.0 + ABORT_SECONDS / 2, [aborted]) == []
    (verdict,) = dog.judge(131.0 + ABORT_SECONDS, [aborted])
    assert verdict.judgement is Judgement.KILL


def test_booting_worker_has_the_boot_timeout_whatever_its_timeout() -> None:
    assert awake(160.0).judge(160.0, [BOOTING]) == []
    (verdict,) = awake(160.5).judge(160.5, [BOOTING])
    assert verdict.reason == "boot timeout"


def test_zero_is_no_limit() -> None:
    pulses = [READY._replace(timeout=0.0), BOOTING._replace(boot_timeout=0.0)]
    assert awake(9000.0).judge(9000.0, pulses) == []


def test_nobody_is_murdered_after_a_suspend() -> None:
    dog = awake(101.0)
    # An hour passes between two turns: the machine slept, or somebody stopped us.
    assert dog.turn(3701.0)
    assert dog.judge(3701.0, [READY, READY._replace(pid=8, aborted_at=100.5)]) == []


def test_who_stays_silent_after_a_suspend_is_aborted_in_the_end() -> None:
    dog = awake(101.0)
    dog.turn(3701.0)
    for second in range(3702, 3732):
        assert not dog.turn(float(second))
    assert dog.judge(3731.0, [READY]) == []
    assert len(dog.judge(3731.5, [READY])) == 1
