"""How a forked worker ends, without the fork."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from gunicorn.master import spawn


def test_signal_that_finds_a_worker_on_its_way_out_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker that could not boot says so, not that it was told to go."""

    def fail() -> None:
        raise ValueError("planned failure")

    def interrupt(signums: object) -> None:
        ignored.append(signums)
        if len(ignored) == 1:
            raise SystemExit(0)

    ignored: list[object] = []
    monkeypatch.setattr(spawn.signals, "ignore", interrupt)
    monkeypatch.setattr(spawn.proctitle, "set_title", lambda title: None)
    cfg = SimpleNamespace(post_fork=lambda server, worker: None)
    worker = SimpleNamespace(pid=1, cfg=cfg, log=logging.getLogger("test"), init_process=fail)
    ending = spawn._run(SimpleNamespace(proc_name="x"), worker)
    assert isinstance(ending, ValueError)
    assert len(ignored) == 2
