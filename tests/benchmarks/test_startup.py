"""The table of what a start costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from benchmarks import startup
from benchmarks.startup import Cost, Row

ROWS = [Row("--version", Cost(0.02, 0.01), Cost(0.08, 0.05))]


def test_ratio_is_ours_to_theirs() -> None:
    assert ROWS[0].wall_ratio == 0.25
    assert ROWS[0].cpu_ratio == pytest.approx(0.2)


def test_table_is_in_milliseconds() -> None:
    words = startup.format_text(ROWS).splitlines()[1].split()
    assert words == ["--version", "20.0", "80.0", "0.25", "10.0", "50.0", "0.20"]


def test_json_holds_seconds_and_ratio() -> None:
    (found,) = json.loads(startup.format_json(ROWS))
    assert found["ours"] == {"wall": 0.02, "cpu": 0.01}
    assert found["ratio"] == 0.25


def test_processor_time_of_a_process_that_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "sum(range(100_000))"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert 0 < startup._cpu_of_tree(process.pid) < 10
    process.wait()
