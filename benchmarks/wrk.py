"""The load generator: its command line for a scenario, and what its report says.

Headers go on the command line; a body needs a script, ``post.lua`` beside this file.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scenarios import Scenario

_POST = Path(__file__).with_name("post.lua")

_REQUESTS = re.compile(r"(\d+) requests in ([\d.]+)(us|ms|s|m|h),")
_SOCKET_ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_REFUSED = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of wrk counted. ``refused`` are answers outside 2xx and 3xx."""

    requests: int
    seconds: float
    socket_errors: int = 0
    refused: int = 0

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def parse_report(text: str) -> Report:
    """Parse what wrk prints.

    Raises:
        ValueError: it is not a report of wrk.
    """
    counted = _REQUESTS.search(text)
    if counted is None:
        raise ValueError(f"not a report of wrk: {text!r}")
    seconds = float(counted[2]) * _UNITS[counted[3]]
    errors = _SOCKET_ERRORS.search(text)
    refused = _REFUSED.search(text)
    return Report(
        requests=int(counted[1]),
        seconds=seconds,
        socket_errors=sum(int(count) for count in errors.groups()) if errors else 0,
        refused=int(refused[1]) if refused else 0,
    )


def build_argv(scenario: Scenario, url: str, seconds: int, core: int) -> list[str]:
    """Return the command line of wrk, pinned to ``core``, one thread."""
    argv = ["taskset", "--cpu-list", str(core), "wrk", "--threads", "1"]
    argv += ["--connections", str(scenario.connections), "--duration", f"{seconds}s"]
    for name, value in scenario.fields:
        argv += ["--header", f"{name}: {value}"]
    if scenario.body_size:
        argv += ["--script", str(_POST)]
    argv.append(url + scenario.path)
    if scenario.body_size:
        argv += ["--", str(scenario.body_size)]
    return argv


def run(scenario: Scenario, url: str, seconds: int, core: int) -> Report:
    """Load ``url`` for so many seconds and return the report.

    Raises:
        subprocess.SubprocessError: wrk failed, or did not stop by itself.
    """
    argv = build_argv(scenario, url, seconds, core)
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=seconds + 15)
    return parse_report(done.stdout)
