"""The listings beyond list and status, which are other views of the same record."""

from __future__ import annotations

import json
from dataclasses import replace

from gunicorn.sites import metrics, status, top
from gunicorn.sites.systemctl import Unit
from tests.sites.conftest import GOOD, Machine

ANSWER = {
    "generation": 2,
    "workers": [
        {
            "ready": True,
            "requests": 10,
            "busy_seconds": 2.5,
            "request": {"method": "GET", "path": "/slow", "peer": "-"},
        },
        {"ready": True, "requests": 5, "busy_seconds": None},
        {"ready": False, "requests": 0, "busy_seconds": True},
    ],
    "latency": {"p50": 0.004, "p95": 1.25},
}


def record(machine: Machine) -> status.SiteStatus:
    unit = Unit("shop", active="active", sub="running", pid=77, memory=3 << 20, restarts=4)
    return status.make_status("shop", machine.site(GOOD), unit, ANSWER, "unix:/default")


def test_rates_are_differences(machine: Machine) -> None:
    one = record(machine)
    assert (one.busy, one.oldest, one.p50, one.p95) == (1, 2.5, 0.004, 1.25)
    idle = replace(one, name="idle", requests=3)
    reloaded = replace(one, name="new", requests=100)
    later = [replace(one, requests=35), idle, replace(reloaded, requests=8)]
    samples = top.compare([one, idle, reloaded], later, 2.0)
    assert [(one.status.name, one.rate) for one in samples] == [
        ("shop", 10.0),
        ("new", 4.0),
        ("idle", 0.0),
    ]
    unknown = top.compare([], [replace(one, requests=None)], 2.0)
    assert unknown[0].rate is None


def test_the_table(machine: Machine) -> None:
    [sample] = top.compare([record(machine)], [record(machine)], 1.0)
    assert top.to_table([sample], colour=False).splitlines()[1].split() == [
        "shop", "running", "2", "1", "2/3", "0.0", "4.0ms", "1.2s", "2.5s", "3.0M",
        "GET", "/slow",
    ]  # fmt: skip
    total = status.make_status(
        "x", None, Unit("x"), {"requests": 7, "workers": [{"requests": 1}]}, ""
    )
    assert total.requests == 7
    stopped = status.make_status("x", None, Unit("x"), None, "")
    assert top.to_table(top.compare([], [stopped], 1.0), colour=False).split()[-8:] == ["-"] * 8
    document = json.loads(top.to_json([sample], is_only_one=True))
    assert document["sites"][0]["requests_per_second"] == 0.0
    assert "\n" not in top.to_json([sample], is_only_one=False)


def test_metrics_are_open_metrics(machine: Machine) -> None:
    stopped = status.make_status("x", None, Unit("x"), None, "")
    text = metrics.to_text([record(machine), stopped])
    lines = text.splitlines()
    assert lines[-1] == "# EOF"
    assert 'gunicorn_site_up{site="shop"} 1' in lines
    assert 'gunicorn_site_up{site="x"} 0' in lines
    assert 'gunicorn_site_restarts_total{site="shop"} 4' in lines
    assert 'gunicorn_site_oldest_request_seconds{site="shop"} 2.5' in lines
    assert 'gunicorn_site_request_p95_seconds{site="shop"} 1.25' in lines
    assert 'gunicorn_site_memory_bytes{site="shop"} 3145728' in lines
    assert not [line for line in lines if line.startswith('gunicorn_site_workers{site="x"}')]
    for family in metrics.FAMILIES:
        assert lines.count(f"# TYPE {family.name} {family.kind}") == 1
        assert not family.unit or family.name.endswith(f"_{family.unit}")
    assert metrics.escape('a"b\\c\n') == 'a\\"b\\\\c\\n'
