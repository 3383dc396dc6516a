"""A generation on trial, and a turnover against a master that forks nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gunicorn import sock
from gunicorn.errors import ConfigError
from gunicorn.master.generation import Asker, Outcome, ReloadError, Trial, Turnover, last_line
from gunicorn.master.inheritance import Inheritance
from gunicorn.system.notify import Notifier


def test_generation_is_proven_when_all_are_ready() -> None:
    trial = Trial(2, 2)
    assert trial.outcome is Outcome.PENDING
    trial.ready(1)
    trial.ready(1)
    assert trial.outcome is Outcome.PENDING
    trial.ready(2)
    assert trial.outcome is Outcome.PROVEN


def test_generation_without_workers_is_proven() -> None:
    assert Trial(1, 0).outcome is Outcome.PROVEN


def test_one_loss_fails_the_generation_with_its_first_cause() -> None:
    trial = Trial(2, 2)
    trial.ready(1)
    trial.lost(2, "no module")
    trial.lost(1, "something later")
    assert (trial.outcome, trial.cause) == (Outcome.FAILED, "no module")


def test_last_line_names_the_error() -> None:
    assert last_line("Traceback:\n  File x\nValueError: no\n\n") == "ValueError: no"
    assert last_line("") == ""


class Log:
    def __init__(self, cfg: Any = None) -> None:
        self.lines: list[str] = []
        self.set_up_with: Any = cfg

    def setup(self, cfg: Any) -> None:
        self.set_up_with = cfg

    def _log(self, text: str, *args: object) -> None:
        self.lines.append(text % args)

    info = error = exception = _log


class App:
    def __init__(self, cfg: Any) -> None:
        self.cfg = cfg
        self.next: Any = None

    def reload(self) -> None:
        if isinstance(self.next, Exception):
            raise self.next
        self.cfg = self.next

    def restore(self, cfg: Any) -> None:
        self.cfg = cfg


def config(*addresses: sock.Address, **others: Any) -> Any:
    return SimpleNamespace(
        address=list(addresses), backlog=16, is_ssl=False, workers=2, logger_class=Log,
        uid=0, gid=0, umask=0, warnings=[], needing_restart=lambda newer: [],
        on_reload=lambda server: None, **others,
    )  # fmt: skip


class Master:
    """As much of a master as a turnover asks for."""

    def __init__(self, cfg: Any) -> None:
        self.app, self.cfg, self.log = App(cfg), cfg, Log()
        self.generation, self.num_workers = 1, cfg.workers
        self.LISTENERS = sock.create_listeners(cfg.address, cfg, self.log)
        self.calls: list[str] = []
        self.cannot_spawn = False
        self.inheritance = Inheritance({}, Notifier())

    def adopt(self, cfg: Any, log: Any) -> None:
        self.cfg, self.log, self.num_workers = cfg, log, cfg.workers

    def next_generation(self) -> int:
        return self.generation + 1

    def spawn_generation(self) -> None:
        self.calls.append(f"spawn {self.generation}")
        if self.cannot_spawn:
            raise RuntimeError("pre_fork")

    def withdraw(self, generation: int) -> None:
        self.calls.append(f"withdraw {generation}")

    def retire_before(self, generation: int) -> None:
        self.calls.append(f"retire before {generation}")

    def close(self) -> None:
        for listener in self.LISTENERS:
            sock.close_listener(listener)


class Heard:
    def __init__(self) -> None:
        self.verdicts: list[int | ReloadError] = []

    def __call__(self, verdict: int | ReloadError) -> None:
        self.verdicts.append(verdict)


FIRST: sock.Address = ("127.0.0.1", 0)
SECOND: sock.Address = ("127.0.0.2", 0)


@pytest.fixture
def master() -> Any:
    made = Master(config(FIRST))
    yield made
    made.close()


def begin(master: Master, wanted: Any) -> tuple[Turnover, ReloadError | None, Heard]:
    master.app.next = wanted
    heard = Heard()
    askers: list[Asker] = [heard]
    turnover = Turnover(master, askers)
    return turnover, turnover.begin(), heard


def test_unreadable_configuration_changes_nothing(master: Master) -> None:
    before = (master.cfg, master.log, master.LISTENERS)
    turnover, error, heard = begin(master, ConfigError("tiemout"))
    assert error == ReloadError("tiemout")
    turnover.fail(error)
    assert (master.cfg, master.log, master.LISTENERS) == before
    assert master.app.cfg is before[0]
    assert (master.calls, heard.verdicts) == ([], [error])


def test_old_generation_is_retired_only_after_success(master: Master) -> None:
    turnover, error, heard = begin(master, config(FIRST))
    assert (error, master.calls, heard.verdicts) == (None, ["spawn 2"], [])
    turnover.succeed()
    assert master.calls == ["spawn 2", "retire before 2"]
    assert heard.verdicts == []
    turnover.finish()
    assert heard.verdicts == [2]


def test_stop_after_the_proof_does_not_take_the_verdict_back(master: Master) -> None:
    turnover, _, heard = begin(master, config(FIRST))
    turnover.succeed()
    turnover.abandon()
    assert heard.verdicts == [2]


def test_unchanged_listener_is_not_touched(master: Master) -> None:
    (kept,) = master.LISTENERS
    inner = kept.sock
    wanted = config(FIRST, SECOND)
    turnover, _, _ = begin(master, wanted)
    turnover.succeed()
    assert master.LISTENERS[0] is kept
    assert kept.sock is inner
    assert kept.conf is wanted


def test_gone_listener_is_closed_after_success(master: Master) -> None:
    (old,) = master.LISTENERS
    turnover, _, _ = begin(master, config(SECOND))
    assert old.sock is not None
    turnover.succeed()
    assert old.sock is None


def test_withdrawn_generation_leaves_everything_as_it_was(master: Master) -> None:
    before = (master.cfg, master.log, master.num_workers, list(master.LISTENERS))
    wanted = config(SECOND)
    wanted.workers = 5
    turnover, _, heard = begin(master, wanted)
    (new,) = master.LISTENERS
    turnover.fail(ReloadError("no module", "Traceback..."))
    assert (master.cfg, master.log, master.num_workers, master.LISTENERS) == before
    assert master.log.set_up_with is before[0]
    assert new.sock is None
    assert master.calls == ["spawn 2", "withdraw 2"]
    assert heard.verdicts == [ReloadError("no module", "Traceback...")]


def test_address_in_use_fails_the_reload_at_once(master: Master) -> None:
    taken = ("127.0.0.1", master.LISTENERS[0].getsockname()[1])
    before = list(master.LISTENERS)
    turnover, error, _ = begin(master, config(FIRST, SECOND, taken))
    assert error is not None and "in use" in error.error
    assert (master.LISTENERS, master.calls) == (before, [])
    turnover.fail(error)


def test_hook_that_raises_fails_the_reload_with_its_traceback(master: Master) -> None:
    wanted = config(FIRST)
    wanted.on_reload = lambda server: 1 / 0
    _, error, _ = begin(master, wanted)
    assert error is not None
    assert error.error == "ZeroDivisionError: division by zero"
    assert error.traceback.startswith("Traceback ")
    assert master.generation == 1


def test_generation_that_was_spawned_in_part_is_withdrawn(master: Master) -> None:
    """The workers that did start must not serve beside a master that knows nothing of them."""
    master.cannot_spawn = True
    turnover, error, _ = begin(master, config(FIRST))
    assert error is not None
    turnover.fail(error)
    assert master.calls == ["spawn 2", "withdraw 2"]
    assert master.generation == 1
