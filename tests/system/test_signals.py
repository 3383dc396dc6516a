"""The signal pipe: nothing is lost between delivery and take."""

from __future__ import annotations

import select
import signal
import threading
from collections.abc import Iterator

import pytest

from gunicorn.system import signals
from gunicorn.system.signals import SignalPipe


@pytest.fixture
def pipe() -> Iterator[SignalPipe]:
    made = SignalPipe()
    made.install([signal.SIGUSR1, signal.SIGUSR2])
    yield made
    made.close()


def send(*signums: int) -> None:
    for signum in signums:
        # to this very thread: another one, that an earlier test has left, would take it as well
        signal.pthread_kill(threading.get_ident(), signum)


def is_readable(pipe: SignalPipe) -> bool:
    return bool(select.select([pipe], [], [], 0)[0])


def test_signals_are_taken_in_order_and_in_number(pipe: SignalPipe) -> None:
    send(signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR1)
    assert is_readable(pipe)
    wanted = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR1]
    assert pipe.take() == wanted
    assert pipe.take() == []
    assert not is_readable(pipe)


def test_poke_wakes_and_is_no_signal(pipe: SignalPipe) -> None:
    pipe.poke()
    assert is_readable(pipe)
    assert pipe.take() == []


def test_blocked_signals_arrive_after_the_block(pipe: SignalPipe) -> None:
    with signals.blocked():
        send(signal.SIGUSR1)
        assert pipe.take() == []
    assert pipe.take() == [signal.SIGUSR1]


def test_signal_of_somebody_else_is_not_ours(pipe: SignalPipe) -> None:
    before = signal.signal(signal.SIGWINCH, lambda number, frame: None)
    try:
        send(signal.SIGWINCH, signal.SIGUSR2)
        assert pipe.take() == [signal.SIGUSR2]
    finally:
        signal.signal(signal.SIGWINCH, before)


def test_close_restores_the_default() -> None:
    made = SignalPipe()
    made.install([signal.SIGUSR2])
    made.close()
    assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL


def test_names() -> None:
    assert signals.name_of(signal.SIGHUP) == "hup"
    assert signals.name_of(40) == "signal 40"
