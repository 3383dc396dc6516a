"""The page and the pipe between a worker and its master, both ends in one process."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from gunicorn.system import clock
from gunicorn.system.memory import Current, Report, WorkerSlot, pack_peer


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
        slot.end_request(0.001)
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
    slot.end_request(0.001)
    assert slot.busy_seconds() is None
    assert slot.requests == 1


def test_requests_are_counted_by_how_long_they_took(slot: WorkerSlot) -> None:
    for took in (0.001, 0.001, 2.0):
        slot.begin_request()
        slot.end_request(took)
    places = [place for place, count in enumerate(slot.took()) if count]
    assert len(places) == 2
    assert [slot.took()[place] for place in places] == [2, 1]
    assert sum(slot.took()) == slot.requests == 3


def current(slot: WorkerSlot) -> Current:
    found = slot.current_request()
    assert found is not None
    return found


def test_current_request_is_told_while_it_lasts(slot: WorkerSlot) -> None:
    assert slot.current_request() is None
    slot.begin_request("GET", "/a%20b", pack_peer("127.0.0.1", "4711"))
    assert current(slot)[:3] == ("GET", "/a%20b", "127.0.0.1:4711")
    assert 0 <= current(slot).seconds < 10
    slot.end_request(0.001)
    assert slot.current_request() is None


def test_one_of_several_requests_is_shown_with_its_own_beginning(slot: WorkerSlot) -> None:
    slot.show_request("GET", "/oldest", "127.0.0.1", "1", clock.monotonic() - 100.0)
    assert current(slot).path == "/oldest"
    assert 100.0 <= current(slot).seconds < 110.0
    slot.end_request(0.001)
    assert (slot.current_request(), slot.requests) == (None, 1)


def test_request_leaves_nothing_of_the_longer_one_before(slot: WorkerSlot) -> None:
    slot.begin_request("PROPFIND", "/" + "long" * 30, pack_peer("2001:db8::1", "65535"))
    assert current(slot).peer == "[2001:db8::1]:65535"
    slot.begin_request("GET", "/", pack_peer("", ""))
    assert current(slot)[:3] == ("GET", "/", "")


def test_long_texts_are_cut_off_and_harm_no_neighbour(slot: WorkerSlot) -> None:
    before = slot.last_update()
    slot.begin_request("M" * 500, "/" + "\xe9" * 5000, pack_peer("a" * 500, "p" * 500))
    found = current(slot)
    assert found.method == "M" * 16
    assert found.path.startswith("/\xe9\xe9")
    assert len(found.path) < 190
    assert (slot.last_update(), slot.requests) == (before, 0)


def test_request_of_an_older_worker_class_is_told_without_its_name(slot: WorkerSlot) -> None:
    slot.begin_request()
    assert current(slot)[:3] == ("", "", "")


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
