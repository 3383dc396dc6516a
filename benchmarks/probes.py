"""CPU and memory of a whole process tree, read from /proc.

A tree is a session: every server is started as the leader of a session of its own, so workers that
were orphaned or adopted are still counted. The parsers are pure; only ``Tree`` reads files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/PID/stat that matter here (proc_pid_stat(5))."""

    pid: int
    session: int
    ticks: int


def parse_stat(text: str) -> Stat:
    """Parse one /proc/PID/stat; ``ticks`` is utime + stime + those of reaped children."""
    # The command name is in parentheses and may itself hold blanks and parentheses.
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    return Stat(int(pid), int(fields[3]), sum(int(field) for field in fields[11:15]))


def parse_pss(text: str) -> int:
    """Return the bytes on the ``Pss:`` line of a smaps_rollup.

    Raises:
        ValueError: there is no such line.
    """
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no Pss line")


class Tree:
    """All processes of one session."""

    def __init__(self, session: int) -> None:
        self.session = session

    def read_stats(self) -> list[Stat]:
        stats = []
        for directory in _PROC.iterdir():
            if not directory.name.isdigit():
                continue
            try:
                stat = parse_stat((directory / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we were looking; its parent has its ticks
            if stat.session == self.session:
                stats.append(stat)
        return stats

    def read_cpu(self) -> float:
        """Return the CPU seconds the tree has used since it was started."""
        return sum(stat.ticks for stat in self.read_stats()) / _TICKS

    def read_pss(self) -> int:
        """Return the proportional set size of the tree in bytes."""
        total = 0
        for stat in self.read_stats():
            try:
                total += parse_pss((_PROC / str(stat.pid) / "smaps_rollup").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
        return total
