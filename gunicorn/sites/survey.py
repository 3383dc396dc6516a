"""Collects what the three sides know of the sites, for ``status`` to put together.

Reads site files, asks the service manager in one call, and asks running masters all at once.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import replace

from gunicorn.sites import processes, remarks, talk
from gunicorn.sites.context import Context
from gunicorn.sites.fleet import Fleet, read_fleet
from gunicorn.sites.paths import name_problem
from gunicorn.sites.site import Site
from gunicorn.sites.status import SiteStatus, make_status
from gunicorn.sites.systemctl import Unit
from gunicorn.sites.talk import Question, TalkError

#: seconds a master may take to say how it is; its loop answers at once or is stuck
_PATIENCE = 2.0


def survey(
    context: Context, names: Iterable[str] = (), weighs: bool = False, tells: bool = True
) -> list[SiteStatus]:
    """Look at the named sites, or at all there are files or processes of, sorted by name.

    ``weighs``: where the service manager does not account for memory, ask each process;
    ``tells``: look for what is out of date, which costs a process for each certificate.
    """
    fleet: Fleet = read_fleet(context.paths, context.rules)
    wanted = set(names)
    units = look_at_units(context, fleet, wanted)
    chosen = sorted(wanted or {*fleet, *units})
    running = [name for name in chosen if units.get(name, Unit(name)).active != "inactive"]
    answers = talk.ask_all(questions(context, running, {"command": "status"}), _PATIENCE)
    found = []
    for name in chosen:
        answer = answers.get(name)
        entry = fleet.get(name)
        if entry is None and name not in units:
            continue
        unit = units.get(name, Unit(name))
        if unit.is_failing and context.has_systemd and isinstance(entry, Site):
            # what its last process said is worth more than its number; empty without the right
            # to read the journal
            unit = replace(unit, text=" ".join(context.systemd.journal(name, 0)[-1:]))
        if weighs and unit.memory is None and unit.pid:
            unit = replace(unit, memory=processes.memory_of_tree(processes.tree(unit.pid)))
        found.append(
            make_status(
                name,
                entry,
                unit,
                None if isinstance(answer, TalkError) else answer,
                f"unix:{context.paths.socket(name)}",
                remarks.of_site(entry, context.paths, unit.pid)
                if tells and isinstance(entry, Site) and unit.pid
                else (),
            )
        )
    return found


def look_at_units(context: Context, fleet: Fleet, wanted: set[str]) -> dict[str, Unit]:
    """Ask the service manager, whichever it is; sites it has nothing on may be absent."""
    if context.has_systemd:
        loaded = {name for name in context.systemd.loaded() if not wanted or name in wanted}
        units = context.systemd.units(sorted(loaded | ((wanted & set(fleet)) or set(fleet))))
        return {
            name: unit for name, unit in units.items() if name in fleet or unit.active != "inactive"
        }
    try:
        answer = talk.ask(str(context.paths.supervisor), {"command": "status"}, _PATIENCE)
    except TalkError:
        return {}
    sites = answer.get("sites")
    known = sites if isinstance(sites, dict) else {}
    return {
        name: Unit(
            name,
            active=str(one.get("active", "inactive")),
            sub=str(one.get("sub", "")),
            result=str(one.get("result", "success")),
            pid=one.get("pid"),
            exit_status=int(one.get("exit_status", 0)),
            restarts=int(one.get("restarts", 0)),
            text=str(one.get("text", "")),
        )
        for name, one in known.items()
        if isinstance(one, dict) and (name in fleet or one.get("active") != "inactive")
    }


def say_remarks(context: Context, names: Iterable[str] = ()) -> None:
    """Say what the named sites, or all, have that is out of date, for those that run."""
    fleet = read_fleet(context.paths, context.rules)
    chosen = set(names) or set(fleet)
    concerned = {
        name: entry
        for name, entry in fleet.items()
        if name in chosen
        and isinstance(entry, Site)
        and (entry.env_file is not None or "certfile" in entry.settings)
    }
    if not concerned:
        return
    units = look_at_units(context, fleet, set(concerned))
    for name, site in concerned.items():
        unit = units.get(name)
        if unit is not None and unit.pid:
            for line in remarks.of_site(site, context.paths, unit.pid):
                context.say(line)


def with_processes(context: Context, names: Iterable[str]) -> list[str]:
    """Pick the sites of which there are processes, whether they serve, start or end."""
    units = look_at_units(context, {}, set(names)) if names else {}
    if context.has_systemd:
        return [name for name in units if context.systemd.pids(name)]
    return [name for name, unit in units.items() if unit.pid]


def questions(context: Context, names: Iterable[str], request: dict[str, object]) -> list[Question]:
    """Address a request to sites, each to be asked as the owner of its run directory.

    The owner was set by root (``prepare``), and a user cannot give a directory away; it is who the
    site runs as, also when the site file has changed since.
    """
    found = []
    for name in names:
        try:
            owner = os.lstat(context.paths.run_dir(name))
        except OSError:
            continue
        if not stat.S_ISDIR(owner.st_mode) or owner.st_uid == 0:
            continue
        if os.geteuid() not in (0, owner.st_uid):
            continue
        path = str(context.paths.control(name))
        found.append(Question(name, path, owner.st_uid, owner.st_gid, request))
    return found


def sites_with_directory(context: Context) -> list[str]:
    """List the sites that have a run directory: all that were ever started since boot."""
    try:
        entries = list(context.paths.run.iterdir())
    except OSError:
        return []
    return sorted(entry.name for entry in entries if name_problem(entry.name) is None)
