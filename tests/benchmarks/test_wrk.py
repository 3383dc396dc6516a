from __future__ import annotations

import pytest

from benchmarks import wrk
from benchmarks.scenarios import SCENARIOS, Scenario

CLEAN = """\
Running 2s test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   384.23us  107.95us   4.94ms   93.29%
    Req/Sec    83.05k     4.02k   88.24k    90.48%
  173451 requests in 2.10s, 24.32MB read
Requests/sec:  82598.11
Transfer/sec:     11.58MB
"""

TROUBLED = """\
Running 1m test @ http://127.0.0.1:8000/
  1 threads and 32 connections
  300 requests in 1.50m, 24.32MB read
  Socket errors: connect 1, read 20, write 300, timeout 4000
  Non-2xx or 3xx responses: 17
Requests/sec:  82598.11
"""


def test_clean_report_has_requests_seconds_and_no_errors() -> None:
    assert wrk.parse_report(CLEAN) == wrk.Report(requests=173451, seconds=2.1)


def test_rate_is_of_the_time_that_really_passed() -> None:
    assert wrk.Report(requests=300, seconds=1.5).rate == 200


def test_troubled_report_counts_every_kind_of_error() -> None:
    report = wrk.parse_report(TROUBLED)
    assert (report.socket_errors, report.refused) == (4321, 17)
    assert report.seconds == 90


@pytest.mark.parametrize("text", ["", "unable to connect to 127.0.0.1:1 Connection refused\n"])
def test_other_text_is_no_report(text: str) -> None:
    with pytest.raises(ValueError, match="not a report"):
        wrk.parse_report(text)


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda scenario: scenario.name)
def test_command_line_is_bounded_and_pinned(scenario: Scenario) -> None:
    argv = wrk.build_argv(scenario, "http://127.0.0.1:8000", seconds=2, core=1)
    assert argv[:4] == ["taskset", "--cpu-list", "1", "wrk"]
    assert argv[argv.index("--duration") + 1] == "2s"
    assert f"http://127.0.0.1:8000{scenario.path}" in argv
    assert argv.count("--header") == len(scenario.fields)


def test_body_size_reaches_the_script() -> None:
    argv = wrk.build_argv(SCENARIOS["post64k"], "http://127.0.0.1:8000", seconds=1, core=0)
    assert argv[argv.index("--script") + 1].endswith("post.lua")
    assert argv[-2:] == ["--", "65536"]
