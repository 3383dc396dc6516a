"""From samples to what people read: medians, ratios to ours, and three ways of printing them.

Pure: no clock, no files, no processes. A ratio is the peer's figure over ours, so in CPU and memory
2.0 means that the peer takes twice what we take, and in rate that it serves twice as many.
"""

from __future__ import annotations

import json
import operator
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from benchmarks.measure import Sample
from benchmarks.peers import BASELINE, OURS, PEERS
from benchmarks.scenarios import SCENARIOS

_HEADINGS = (
    "peer",
    "CPU us/request",
    "x ours",
    "requests/s",
    "x ours",
    "PSS MiB",
    "x ours",
    "errors",
)

ORDER = (OURS, BASELINE, *(name for name in PEERS if name != OURS))


@dataclass(frozen=True, slots=True)
class Facts:
    """What must stand beside figures for them to mean anything."""

    date: str
    machine: str
    python: str
    rounds: int
    seconds: int
    load: float
    versions: Mapping[str, str]
    notes: Mapping[str, str]

    def lines(self) -> list[str]:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        notes = "; ".join(f"{name}: {note}" for name, note in self.notes.items() if note)
        return [
            f"{self.date}, {self.machine}, Python {self.python}, load before: {self.load:.1f}",
            f"medians of {self.rounds} rounds of {self.seconds} s; server and load generator on "
            "one core each, one worker",
            versions,
            *([notes] if notes else []),
        ]


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of one peer in one scenario; a ratio is None when ours did not run."""

    scenario: str
    peer: str
    cpu: float
    rate: float
    pss: float
    errors: int
    cpu_ratio: float | None
    rate_ratio: float | None
    pss_ratio: float | None

    def cells(self) -> list[str]:
        return [
            self.peer,
            f"{self.cpu * 1e6:.1f}",
            _ratio(self.cpu_ratio),
            f"{self.rate:.0f}",
            _ratio(self.rate_ratio),
            f"{self.pss / 2**20:.1f}",
            _ratio(self.pss_ratio),
            str(self.errors or ""),
        ]


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def build_rows(samples: Iterable[Sample]) -> list[Row]:
    """Return a row per scenario and peer, in the order of their tables, a baseline after ours."""
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.scenario, sample.peer), []).append(sample)
    return [
        _build_row(groups[scenario, peer], groups.get((scenario, OURS), []))
        for scenario in SCENARIOS
        for peer in ORDER
        if (scenario, peer) in groups
    ]


def _build_row(group: list[Sample], ours: list[Sample]) -> Row:
    cpu, cpu_ratio = _median_and_ratio(group, ours, "cpu")
    rate, rate_ratio = _median_and_ratio(group, ours, "rate")
    pss, pss_ratio = _median_and_ratio(group, ours, "pss")
    return Row(
        scenario=group[0].scenario,
        peer=group[0].peer,
        cpu=cpu,
        rate=rate,
        pss=pss,
        errors=sum(sample.errors for sample in group),
        cpu_ratio=cpu_ratio,
        rate_ratio=rate_ratio,
        pss_ratio=pss_ratio,
    )


def _median_and_ratio(
    group: list[Sample], ours: list[Sample], figure: str
) -> tuple[float, float | None]:
    read = operator.attrgetter(figure)
    median = statistics.median(map(read, group))
    reference = statistics.median(map(read, ours)) if ours else 0
    # No ratio to a figure that was too small for the clock to see.
    return median, median / reference if reference else None


def _by_scenario(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.scenario, []).append(row)
    return found


def format_text(rows: Iterable[Row], facts: Facts) -> str:
    """Return the table for a terminal."""
    lines = facts.lines()
    for scenario, group in _by_scenario(rows).items():
        table = [list(_HEADINGS), *(row.cells() for row in group)]
        widths = [max(len(line[column]) for line in table) for column in range(len(_HEADINGS))]
        lines += ["", f"{scenario}: {SCENARIOS[scenario].title}"]
        for peer, *figures in table:
            cells = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
            lines.append("  " + "  ".join([peer.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines) + "\n"


def format_rst(rows: Iterable[Row], facts: Facts) -> str:
    """Return the table for the manual, one list-table per scenario."""
    lines = [f"| {line}" for line in facts.lines()]
    for scenario, group in _by_scenario(rows).items():
        lines += ["", f".. list-table:: {SCENARIOS[scenario].title}", "   :header-rows: 1", ""]
        for cells in [list(_HEADINGS), *(row.cells() for row in group)]:
            first, *others = cells
            lines.append(f"   * - {first}")
            lines += [f"     - {cell}".rstrip() for cell in others]
    return "\n".join(lines) + "\n"


def format_json(rows: Iterable[Row], samples: Iterable[Sample], facts: Facts) -> str:
    """Return everything, the single samples too, for a program."""
    document = {
        "facts": asdict(facts),
        "medians": [asdict(row) for row in rows],
        "samples": [asdict(sample) for sample in samples],
    }
    return json.dumps(document, indent=2) + "\n"
