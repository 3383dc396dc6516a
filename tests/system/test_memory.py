"""The page and the pipe between a worker and its master, both ends in one process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from gunicorn.system import clock
from gunicorn.system.memory import Report, WorkerSlot


@pytest.fixture
def slot() -> Iterator[WorkerSlot]:
    made = WorkerSlot()
    yield made
    made.close()


def test_new_slot_counts_as_alive(slot: WorkerSlot) -> None:
    assert clock.monotonic() - slot.last_update() < 10


def test_beats_are_seen_across_a_fork(slot: WorkerSlot) -> None:
    before = slot.last_update()
    pid = os.fork()
    if pid == 0:
        slot.keep_worker_side()
        slot.notify()
        slot.begin_request()
        slot.end_request()
        slot.begin_request()
        slot.mark_ready()
        os._exit(0)
    slot.keep_master_side()
    os.waitpid(pid, 0)
    assert slot.last_update() > before
    assert slot.requests == 1
    assert slot.busy_seconds() is not None
    assert slot.read_report() == Report("ready")
    assert slot.read_report() is None
    assert slot.ended


def test_idle_worker_is_not_busy(slot: WorkerSlot) -> None:
    slot.begin_request()
    slot.end_request()
    assert slot.busy_seconds() is None
    assert slot.requests == 1


def test_reports_come_in_order(slot: WorkerSlot) -> None:
    slot.mark_ready()
    slot.mark_reopened()
    slot.ask_replacement()
    kinds = [report.kind for report in iter(slot.read_report, None)]
    assert kinds == ["ready", "reopened", "replace"]
    assert not slot.ended


def test_huge_traceback_keeps_its_end_and_does_not_block(slot: WorkerSlot) -> None:
    slot.mark_failed("é" * 100_000 + "ValueError: the cause", 3)
    report = slot.read_report()
    assert report is not None
    assert (report.kind, report.exit_status) == ("failed", 3)
    assert report.text.endswith("ValueError: the cause")


def test_first_failure_is_the_one_reported(slot: WorkerSlot) -> None:
    slot.mark_failed("no module", 4)
    slot.mark_failed("could not boot", 3)
    assert slot.failed_with == 4
    assert slot.read_report() == Report("failed", "no module", 4)
    assert slot.read_report() is None


def test_closed_slot_takes_a_late_beat(slot: WorkerSlot) -> None:
    slot.close()
    slot.notify()
    slot.mark_ready()
    slot.close()
