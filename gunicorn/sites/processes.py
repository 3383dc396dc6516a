"""The processes of a site as the kernel shows them; for ``audit``, ``top`` and ``check``.

A process can end between two looks, so whatever cannot be read any more is left out. Names come
from the processes themselves and are cleaned before anybody prints them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gunicorn.sites.talk import plain

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """What ``/proc/PID/status`` says that is of interest to us."""

    pid: int
    parent: int
    name: str
    #: real, effective, saved, file system
    uids: tuple[int, ...]
    gids: tuple[int, ...]
    groups: frozenset[int]
    umask: int | None
    no_new_privileges: bool
    #: capability sets by their names there: CapInh, CapPrm, CapEff, CapBnd, CapAmb
    capabilities: dict[str, int]


def read(pid: int, proc: Path = PROC) -> Process | None:
    """Read one process; None when it is gone."""
    try:
        text = (proc / str(pid) / "status").read_text(errors="replace")
    except OSError:
        return None
    values = dict(line.partition(":")[::2] for line in text.splitlines())
    words = {key: value.split() for key, value in values.items()}
    try:
        return Process(
            pid=pid,
            parent=int(values["PPid"]),
            name=plain(values["Name"].strip()),
            uids=tuple(map(int, words["Uid"])),
            gids=tuple(map(int, words["Gid"])),
            groups=frozenset(map(int, words["Groups"])),
            umask=int(values["Umask"], 8) if "Umask" in values else None,
            no_new_privileges=values.get("NoNewPrivs", "").strip() == "1",
            capabilities={key: int(value, 16) for key, value in values.items() if key[:3] == "Cap"},
        )
    except (KeyError, ValueError):
        return None


def started_at(pid: int, proc: Path = PROC) -> float | None:
    """Tell when a process began, in seconds since the epoch; None when it is gone."""
    try:
        # the name in parentheses may hold anything
        ticks = int((proc / str(pid) / "stat").read_text().rpartition(")")[2].split()[19])
        boot = re.search(r"^btime (\d+)", (proc / "stat").read_text(), re.M)
    except (OSError, ValueError, IndexError):
        return None
    return int(boot[1]) + ticks / os.sysconf("SC_CLK_TCK") if boot else None


def tree(master: int, proc: Path = PROC) -> list[Process]:
    """Read a master and all its descendants, parents first."""
    children: dict[int, list[Process]] = {}
    first = read(master, proc)
    if first is None:
        return []
    for process in _all(proc):
        children.setdefault(process.parent, []).append(process)
    found, todo = [], [first]
    while todo:
        process = todo.pop(0)
        found.append(process)
        todo += children.get(process.pid, [])
    return found


def _all(proc: Path) -> Iterable[Process]:
    for entry in proc.iterdir():
        process = read(int(entry.name), proc) if entry.name.isdigit() else None
        if process is not None:
            yield process


def memory(pid: int, proc: Path = PROC) -> int | None:
    """Bytes a process has, shared pages divided among their sharers; None without the right.

    ``Pss`` and not ``Rss``: workers share most of their pages with their master, and a sum of
    resident sizes would count them once for each.
    """
    try:
        text = (proc / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    return None


def memory_of_tree(found: Iterable[Process], proc: Path = PROC) -> int | None:
    """Add up the memory of processes; None when none could be read."""
    sizes = [size for one in found if (size := memory(one.pid, proc)) is not None]
    return sum(sizes) if sizes else None
