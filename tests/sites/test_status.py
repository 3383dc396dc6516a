from __future__ import annotations

import json

from gunicorn.sites import status
from gunicorn.sites.fleet import Broken
from gunicorn.sites.systemctl import Unit
from tests.sites.conftest import GOOD, Machine

ANSWER = {
    "ok": True,
    "generation": 3,
    "workers": [{"ready": True, "requests": 5}, {"ready": False, "requests": 2}],
}


def test_a_running_site(machine: Machine) -> None:
    unit = Unit("shop", active="active", sub="running", pid=77, memory=3 << 20)
    one = status.make_status("shop", machine.site(GOOD), unit, ANSWER, "unix:/default")
    assert (one.state, one.pid, one.workers_ready, one.workers) == ("running", 77, 1, 2)
    assert (one.requests, one.generation, one.addresses) == (7, 3, ["unix:/default"])
    assert one.notes == []


def test_a_failed_and_a_failing_site(machine: Machine) -> None:
    site = machine.site(GOOD)
    unit = Unit("shop", active="failed", result="exit-code", exit_status=4, text="no module shop")
    one = status.make_status("shop", site, unit, None, "")
    assert (one.state, one.pid) == ("failed", None)
    assert one.notes == ["failed (exit-code, exit status 4): no module shop"]
    unit = Unit("shop", active="failed", text="ModuleNotFoundError: No module named 'flask'")
    one = status.make_status("shop", site, unit, None, "")
    assert one.notes[1].startswith("to do: install flask for the interpreter of the site")
    unit = Unit("shop", active="activating", sub="auto-restart", result="signal")
    one = status.make_status("shop", site, unit, None, "")
    assert one.state == "failed"
    assert "trying again" in one.notes[0]


def test_a_broken_file_of_a_running_site_is_told_first(machine: Machine) -> None:
    broken = Broken("shop", machine.paths.site_file("shop"), ["shop.conf:3: unknown key"])
    unit = Unit("shop", active="active", reload_result="exit-code")
    one = status.make_status("shop", broken, unit, None, "")
    assert one.state == "running"
    assert one.notes == [
        "shop.conf:3: unknown key",
        "the last reload was refused, the old code goes on: mend it, then gunicornctl reload shop "
        "shows the reason again",
    ]


def test_a_site_without_a_file() -> None:
    one = status.make_status("old", None, Unit("old", active="active"), None, "")
    assert one.start == "removed"
    assert one.notes == ["its site file is gone: gunicornctl sync stops it"]


def test_nonsense_from_a_site_adds_nothing(machine: Machine) -> None:
    site = machine.site(GOOD)
    unit = Unit("shop", active="active")
    for answer in (
        {},
        {"workers": "x"},
        {"workers": [1, None]},
        {"workers": [{"requests": "many"}], "generation": "x"},
    ):
        one = status.make_status("shop", site, unit, answer, "")
        assert one.requests in (None, 0)


def test_the_table_has_colours_for_a_terminal_only(machine: Machine) -> None:
    one = status.make_status("shop", machine.site(GOOD), Unit("shop", active="active"), None, "a")
    plain = status.to_table([one], colour=False)
    assert plain.splitlines()[1].split() == [
        "shop", "running", "auto", "-", "-", "-", "shop", "a"
    ]  # fmt: skip
    assert "\x1b" not in plain
    assert "\x1b[32mrunning" in status.to_table([one], colour=True)
    assert "\x1b" in status.to_text(one, colour=True)


def test_json_is_the_same_record(machine: Machine) -> None:
    unit = Unit("shop", active="active", pid=5)
    one = status.make_status("shop", machine.site(GOOD), unit, ANSWER, "a")
    document = json.loads(status.to_json([one]))
    assert document["sites"][0]["name"] == "shop"
    assert document["sites"][0]["workers_ready"] == 1


def test_sizes() -> None:
    assert [status.format_size(n) for n in (None, 0, 999, 1536, 25 << 20, 3 << 30)] == [
        "-", "0B", "999B", "1.5K", "25M", "3.0G"
    ]  # fmt: skip


def test_seconds(machine: Machine) -> None:
    assert [status.format_seconds(n) for n in (None, 0.00004, 0.0042, 0.25, 61.0)] == [
        "-", "0.0ms", "4.2ms", "250ms", "61.0s"
    ]  # fmt: skip
    answer = {**ANSWER, "latency": {"p50": 0.25, "p95": 2.0}}
    one = status.make_status("shop", machine.site(GOOD), Unit("shop", active="active"), answer, "")
    shown = status.to_text(one, colour=False)
    assert "latency:    half within 250ms, 95 of 100 within 2.0s" in shown
