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
