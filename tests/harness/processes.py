"""What the kernel tells about processes: children, death, and who carries a mark.

A server is started with a mark in its environment.  Every process it forks inherits the mark,
however it daemonises, so one walk through /proc finds whatever it left behind.
"""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

PROC = Path("/proc")

#: the environment variable that marks every process of one server
MARK = "GUNICORN_TEST_MARK"


def stat_of(pid: int) -> tuple[str, int] | None:
    """Give state letter and parent of ``pid``, or None when there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the command name is in parentheses and may itself hold blanks and parentheses
    state, parent = text.rpartition(")")[2].split()[:2]
    return state, int(parent)


def cpu_seconds(pid: int) -> float:
    """Give the processor time ``pid`` has used so far, its own and the system's for it."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wakeups(pid: int) -> int:
    """Give how often ``pid`` has waited for something so far, and gone on."""
    text = (PROC / str(pid) / "status").read_text()
    return int(text.partition("\nvoluntary_ctxt_switches:")[2].split(None, 1)[0])


def resident_bytes(pid: int) -> int:
    """Give the memory of ``pid`` that is in use now."""
    pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def ids_of(pid: int) -> dict[str, list[int]]:
    """Give the numbers behind Uid, Gid and Groups of ``pid``, and CapEff as one number."""
    found = {}
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("Uid", "Gid", "Groups"):
            found[name] = [int(word) for word in value.split()]
        elif name == "CapEff":
            found[name] = [int(value, 16)]
    return found


def all_pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def children_of(parent: int) -> list[int]:
    """Give the living children of ``parent``, oldest first; zombies do not count."""
    found = []
    for pid in all_pids():
        stat = stat_of(pid)
        if stat is not None and stat[1] == parent and stat[0] not in "ZX":
            found.append(pid)
    return sorted(found)


def marked(mark: str) -> list[int]:
    """Give the living processes that carry ``mark`` in the environment they were started with."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for pid in all_pids():
        try:
            environ = (PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue
        if wanted in environ.split(b"\0"):
            found.append(pid)
    return found


def wait_gone(pid: int, timeout: float) -> bool:
    """Wait until ``pid`` has ended (it may still be a zombie); False when time is up."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return bool(poller.poll(timeout * 1000))
    finally:
        os.close(descriptor)


def kill_quietly(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
