"""systemd as we speak to it: through ``systemctl``, so that unit states stay true.

One function a question. Errors of systemctl are text for people; they come back as they are.
Whoever asks hands in the runner, so that tests play systemd without one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gunicorn.sites import talk
from gunicorn.sites.paths import UMBRELLA, UNIT_PREFIX, site_of, unit_of


class Outcome(NamedTuple):
    """What a command ended with."""

    status: int
    output: str
    error: str


Runner = Callable[[list[str]], Outcome]

PATTERN = f"{UNIT_PREFIX}*.service"

_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,Result,ReloadResult,MainPID,ExecMainStatus,NRestarts,"
    "StatusText,MemoryCurrent,NeedDaemonReload,DropInPaths,ActiveEnterTimestampMonotonic"
)


def run(command: list[str]) -> Outcome:
    """Run a program and wait for it."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL
        )
    except OSError as error:
        return Outcome(127, "", f"{command[0]}: {error.strerror}\n")
    return Outcome(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Unit:
    """What systemd knows of one site."""

    site: str
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    reload_result: str = "success"
    pid: int | None = None
    exit_status: int = 0
    restarts: int = 0
    text: str = ""
    memory: int | None = None
    is_stale: bool = False
    has_dropin: bool = False
    #: microseconds of the monotonic clock; 0: never since boot
    active_since: int = 0

    @property
    def is_failing(self) -> bool:
        """Whether it failed, also when it will be tried again in a moment."""
        return self.active == "failed" or self.sub == "auto-restart"


class Systemd:
    """The manager of this machine."""

    def __init__(self, runner: Runner = run) -> None:
        self._run = runner

    def call(self, *arguments: str) -> Outcome:
        """``systemctl ARGUMENTS``, waited for."""
        return self._run(["systemctl", *arguments])

    def daemon_reload(self) -> Outcome:
        return self.call("daemon-reload")

    def umbrella(self) -> str:
        """Tell the ActiveState of the umbrella."""
        return self.call("show", "--property=ActiveState", "--value", UMBRELLA).output.strip()

    def wanted(self) -> list[str]:
        """List the sites that start with the system, as the generator linked them."""
        shown = self.call("show", "--property=Wants", "--value", UMBRELLA).output
        return sorted(filter(None, map(site_of, shown.split())))

    def loaded(self) -> list[str]:
        """List the sites that systemd has a unit in memory for, running or failed."""
        shown = self.call("list-units", "--all", "--plain", "--no-legend", "--full", PATTERN).output
        names = (site_of(line.split()[0]) for line in shown.splitlines() if line.split())
        return sorted(filter(None, names))

    def jobs(self) -> dict[str, str]:
        """Tell the pending job (start, stop, restart, reload...) by site."""
        shown = self.call("list-jobs", "--plain", "--no-legend", "--full").output
        found = {}
        for line in shown.splitlines():
            words = line.split()
            site = site_of(words[1]) if len(words) >= 3 else None
            if site:
                found[site] = words[2]
        return found

    def units(self, sites: Iterable[str]) -> dict[str, Unit]:
        """Look at the units of these sites, in one call."""
        names = list(sites)
        if not names:
            return {}
        shown = self.call("show", f"--property={_PROPERTIES}", "--", *map(unit_of, names))
        found = {}
        for block in shown.output.split("\n\n"):
            unit = _parse(dict(line.partition("=")[::2] for line in block.splitlines()))
            if unit:
                found[unit.site] = unit
        return {name: found.get(name, Unit(name)) for name in names}

    def pids(self, site: str) -> list[int]:
        """List every process in the unit's control group, its children's children too."""
        shown = self.call("show", "--property=ControlGroup", "--value", unit_of(site)).output
        group = shown.strip().lstrip("/")
        for hierarchy in ("", "unified", "systemd"):
            try:
                path = Path("/sys/fs/cgroup", hierarchy, group, "cgroup.procs")
                return [int(word) for word in path.read_text().split()] if group else []
            except OSError:
                continue
        return []

    def journal(self, site: str, since: float) -> list[str]:
        """Read what the unit has written since a moment (``time.time()``): a few last lines."""
        lines = self._run(
            ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=30",
             f"--since=@{since:.3f}", f"_SYSTEMD_UNIT={unit_of(site)}"]
        ).output.splitlines()  # fmt: skip
        return [talk.plain(line) for line in lines if line.strip()][-15:]


def _parse(values: dict[str, str]) -> Unit | None:
    site = site_of(values.get("Id", ""))
    if site is None:
        return None
    memory = values.get("MemoryCurrent", "")
    pid = _number(values.get("MainPID"))
    return Unit(
        site=site,
        active=values.get("ActiveState", "inactive"),
        sub=values.get("SubState", "dead"),
        result=values.get("Result", "success"),
        reload_result=values.get("ReloadResult", "success"),
        pid=pid or None,
        exit_status=_number(values.get("ExecMainStatus")),
        restarts=_number(values.get("NRestarts")),
        text=values.get("StatusText", ""),
        # "[not set]", or all ones where memory is not accounted
        memory=int(memory) if memory.isdigit() and int(memory) < 1 << 62 else None,
        is_stale=values.get("NeedDaemonReload") == "yes",
        has_dropin="/10-site.conf" in values.get("DropInPaths", ""),
        active_since=_number(values.get("ActiveEnterTimestampMonotonic")),
    )


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
