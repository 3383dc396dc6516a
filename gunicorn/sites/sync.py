"""The verbs that move many units at once: ``sync``, and what the umbrella unit runs.

Findings that shape this (systemd 252 and 257): the umbrella has no ordering to its sites, so it
waits by itself; "new" is not what a daemon-reload brought, because anybody's daemon-reload could
have come in between, but what never ran since boot; a site with a pending *restart* must not be
stopped, or its stored sockets are dropped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from gunicorn.sites.fleet import Broken, read_fleet
from gunicorn.sites.paths import Paths, unit_of
from gunicorn.sites.systemctl import Systemd, Unit
from gunicorn.sites.trust import ROOT_ONLY, Rules

Say = Callable[[str], object]


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def umbrella_start(systemd: Systemd, say: Say = _say) -> int:
    """Start the wanted sites and wait for them. Always 0: one broken site is its own trouble."""
    wanted = systemd.wanted()
    if wanted:
        outcome = systemd.call("start", *map(unit_of, wanted))
        if outcome.status:
            say(outcome.error.strip())
    return 0


def umbrella_stop(systemd: Systemd) -> int:
    """Wait for the sites that are being stopped with the umbrella, and for no others."""
    stopping = [site for site, kind in systemd.jobs().items() if kind == "stop"]
    if stopping:
        # merges with the queued job; returns when the site is gone, so that dpkg may remove files
        return systemd.call("stop", *map(unit_of, stopping)).status
    return 0


def sync(
    paths: Paths,
    systemd: Systemd,
    rules: Rules = ROOT_ONLY,
    say: Say = _say,
    tells_refused: bool = True,
) -> int:
    """Make what runs follow the site files; 1 when a site that should serve does not.

    New sites are started, sites whose file is gone or says "disabled" are stopped, broken ones fail
    alone. Running sites are not touched, but a reload that one of them refused since its start
    counts as a failure (``tells_refused``), because what runs is then not what the files say.
    """
    outcome = systemd.daemon_reload()
    if outcome.status:
        say(outcome.error.strip() or "systemctl daemon-reload failed")
        return 1
    fleet = read_fleet(paths, rules)
    units = systemd.units({*fleet, *systemd.loaded()})
    gone = [name for name, unit in units.items() if name not in fleet and _lives(unit)]
    disabled = [
        name
        for name, entry in fleet.items()
        if entry.start == "disabled" and units[name].active in ("active", "activating", "reloading")
    ]
    failed = _stop(systemd, gone, disabled, say)
    if systemd.umbrella() not in ("active", "reloading", "activating"):
        say("gunicorn.service is not running: nothing was started")
        return 1 if failed else 0
    new = [name for name in systemd.wanted() if _wants_start(units.get(name, Unit(name)))]
    failed |= _start(systemd, new, say)
    for name, unit in systemd.units(sorted(set(fleet) - failed)).items():
        if tells_refused and unit.reload_result != "success" and unit.active == "active":
            say(f"site {name}: reload refused, the old code goes on: gunicornctl status {name}")
            failed.add(name)
    for name, entry in fleet.items():
        if isinstance(entry, Broken):
            for line in entry.problems:
                say(line)
            failed.add(name)
    return 1 if failed else 0


def _lives(unit: Unit) -> bool:
    return unit.active != "inactive"


def _wants_start(unit: Unit) -> bool:
    """Whether a wanted site is new or failed; one that somebody stopped by hand stays stopped."""
    return unit.is_failing or (unit.active == "inactive" and unit.active_since == 0)


def _stop(systemd: Systemd, gone: list[str], disabled: list[str], say: Say) -> set[str]:
    failed = set()
    for names, reason in ((gone, "its site file is gone"), (disabled, "it is disabled")):
        if not names:
            continue
        outcome = systemd.call("stop", *map(unit_of, names))
        for name in names:
            say(f"site {name}: stopped, {reason}")
        if outcome.status:
            say(outcome.error.strip())
            failed.update(names)
        # a failed unit would stay in memory, and in every listing, for ever
        systemd.call("reset-failed", *map(unit_of, names))
    return failed


def _start(systemd: Systemd, names: list[str], say: Say) -> set[str]:
    if not names:
        return set()
    # manual starts count against the start limit
    systemd.call("reset-failed", *map(unit_of, names))
    systemd.call("start", *map(unit_of, names))
    failed = set()
    for name, unit in systemd.units(names).items():
        if unit.active in ("active", "reloading"):
            say(f"site {name}: started")
        else:
            say(f"site {name}: failed to start: gunicornctl status {name}")
            failed.add(name)
    return failed
