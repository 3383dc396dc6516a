"""Every worker class beside the same class of PyPI's gunicorn, and threads beside other servers.

    scripts/bench classes [--rounds 3] [--seconds 2] [--rst]

Hello world over kept-alive connections with the 12 fields of a browser; one worker each. A ratio is
the peer's CPU for a request over that of our class.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure, table
from benchmarks.__main__ import read_machine
from benchmarks.peers import CLASSES, OURS, PEERS, default_home
from benchmarks.scenarios import SCENARIOS

_SCENARIO = "browser"
#: servers with threads and no worker classes
_THREADED = ("waitress", "cheroot")

_HEADINGS = ("class", "server", "CPU us/request", "x ours", "requests/s", "PSS MiB")


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one server; ``ratio`` is None for ours."""

    kind: str
    peer: str
    cpu: float
    ratio: float | None
    rate: float
    pss: float

    def cells(self) -> list[str]:
        ratio = "" if self.ratio is None else f"{self.ratio:.1f}"
        figures = [f"{self.rate:.0f}", f"{self.pss / 2**20:.1f}"]
        return [self.kind, self.peer, f"{self.cpu * 1e6:.1f}", ratio, *figures]


def peers_of(kind: str) -> list[str]:
    """Name ours first, then who is measured beside it."""
    ours = OURS if kind == "sync" else f"{OURS}-{kind}"
    return [ours, f"gunicorn-{kind}", *(_THREADED if kind == "gthread" else ())]


def build_rows(kinds: list[str], samples: list[measure.Sample]) -> list[Row]:
    """Return the rows of each class; of a server that could not be measured there is none."""
    groups: dict[str, list[measure.Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.peer, []).append(sample)
    rows = []
    for kind in kinds:
        names = [name for name in peers_of(kind) if name in groups]
        reference = None
        for name in names:
            cpu = statistics.median(sample.cpu for sample in groups[name])
            is_ours = name == peers_of(kind)[0]
            rows.append(
                Row(
                    kind=kind,
                    peer=name,
                    cpu=cpu,
                    ratio=None if is_ours or not reference else cpu / reference,
                    rate=statistics.median(sample.rate for sample in groups[name]),
                    pss=statistics.median(sample.pss for sample in groups[name]),
                )
            )
            reference = cpu if is_ours else reference
    return rows


def format_rows(rows: list[Row], facts: table.Facts, rst: bool) -> str:
    """Return the table for a terminal, or for the manual."""
    cells = [list(_HEADINGS), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]
    if rst:
        rule = "  ".join("=" * width for width in widths)
        lines = [rule, lines[0], rule, *lines[1:], rule]
    told = [f"| {line}" if rst else line for line in facts.lines()]
    return "\n".join([*told, "", *lines]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench classes")
    parser.add_argument("--home", type=Path, default=default_home(), help=argparse.SUPPRESS)
    parser.add_argument("--classes", default=",".join(CLASSES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rst", action="store_true", help="the table for the manual")
    arguments = parser.parse_args()
    kinds = arguments.classes.split(",")
    names = [name for kind in kinds for name in peers_of(kind)]
    versions = {name: PEERS[name].version(arguments.home) for name in names}
    installed = {name: version for name, version in versions.items() if version is not None}
    plan = measure.Plan(
        home=arguments.home,
        scenarios=[SCENARIOS[_SCENARIO]],
        peers=[PEERS[name] for name in installed],
        rounds=arguments.rounds,
        seconds=arguments.seconds,
    )
    facts = table.Facts(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        machine=read_machine(),
        python=platform.python_version(),
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        load=os.getloadavg()[0],
        versions=installed,
        notes={name: PEERS[name].note for name in installed},
    )
    samples = list(measure.take_samples(plan, lambda text: print(text, file=sys.stderr)))
    rows = build_rows(kinds, samples)
    sys.stdout.write(format_rows(rows, facts, arguments.rst))
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
