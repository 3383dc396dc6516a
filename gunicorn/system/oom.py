"""Whether the kernel's OOM killer has struck, from its own counters.

The counter of our control group counts our processes and those they started; where there is none,
the counter of the whole machine is read. Nothing is inferred from signals: a SIGKILL may come from
anybody.
"""

from __future__ import annotations

from collections.abc import Iterator

from gunicorn.system import procfs

__all__ = ["OomCounter", "find_counter"]

#: a process may be reaped this long after it was counted as killed
RECENT_SECONDS = 5.0


def find_counter(root: str = "") -> tuple[str, str] | None:
    """Give the file that counts and whom it counts, as part of a sentence; None: nobody counts."""
    for path, whose in _candidates(root):
        if _read(path) is not None:
            return path, whose
    return None


def _candidates(root: str) -> Iterator[tuple[str, str]]:
    ours = "a process of this control group"
    mounts = f"{root}/sys/fs/cgroup"
    for line in procfs.read_text(f"{root}/proc/self/cgroup").splitlines():
        _, controllers, inside = line.split(":", 2)
        if not controllers:
            yield f"{mounts}{inside}/memory.events", ours
        elif "memory" in controllers.split(","):
            # Version 1. Inside a container the mount shows the group itself, whatever its name.
            yield f"{mounts}/memory{inside}/memory.oom_control", ours
            yield f"{mounts}/memory/memory.oom_control", ours
    yield f"{root}/proc/vmstat", "a process of this machine"


def _read(path: str) -> int | None:
    for line in procfs.read_text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == "oom_kill" and value.isdigit():
            return int(value)
    return None


class OomCounter:
    """Counts kills from its making on; ``claim`` attributes each of them once."""

    def __init__(self, root: str = "") -> None:
        self._path, self.whose = find_counter(root) or ("", "")
        self._seen = self._count() or 0
        self._unclaimed: list[float] = []

    @property
    def is_known(self) -> bool:
        """Whether anybody counts here."""
        return bool(self._path)

    def _count(self) -> int | None:
        return _read(self._path) if self._path else None

    def look(self, now: float) -> None:
        """Note the kills since the last look, and forget those long past."""
        count = self._count()
        if count is not None:
            self._unclaimed += [now] * (count - self._seen)
            self._seen = count
        self._unclaimed = [at for at in self._unclaimed if now - at <= RECENT_SECONDS]

    def claim(self, now: float) -> bool:
        """Say whether a process was just killed that no other claim has stood for."""
        self.look(now)
        if not self._unclaimed:
            return False
        self._unclaimed.pop()
        return True
