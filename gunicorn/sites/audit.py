"""``gunicornctl audit``: do the processes of a site have what they should, and nothing more?

Asked of the kernel for every process of every running site: identity, groups, capabilities, "no new
privileges", file creation mask, and open descriptors of files that the site's user could not have
opened itself. What a process may have follows from the site file; the rest is a finding.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from gunicorn.sites import account as accounts
from gunicorn.sites import processes, survey
from gunicorn.sites.account import Account
from gunicorn.sites.context import Context, Status
from gunicorn.sites.fleet import read_fleet
from gunicorn.sites.processes import Process
from gunicorn.sites.site import Site, SiteError

_CAP_NET_BIND_SERVICE = 1 << 10
#: the sets that give a process something; the bounding set only limits what it could ever get
_HELD = ("CapInh", "CapPrm", "CapEff", "CapAmb")


@dataclass(frozen=True)
class Finding:
    """One thing a process has and should not."""

    site: str
    pid: int
    name: str
    text: str


def audit(context: Context, options: argparse.Namespace) -> int:
    """Look at the processes of the named sites, or of all that run; 1 when anything is found."""
    fleet = read_fleet(context.paths, context.rules)
    units = survey.look_at_units(context, fleet, set(options.sites))
    found: list[Finding] = []
    counts: dict[str, int] = {}
    for name, unit in sorted(units.items()):
        entry = fleet.get(name)
        if not unit.pid or not isinstance(entry, Site):
            continue
        try:
            account = accounts.account_of(entry)
        except SiteError as error:
            context.say(error.problems[0])
            continue
        members = _members(context, name, unit.pid)
        counts[name] = len(members)
        for process in members:
            is_master = process.pid == unit.pid
            texts = judge(entry, account, process, is_master)
            texts += strange_files(account, process.pid)
            found += [Finding(name, process.pid, process.name, text) for text in texts]
    missing = [name for name in options.sites if name not in counts]
    for name in missing:
        context.say(f"site {name} is not running")
    if options.json:
        document = {"processes": counts, "findings": [asdict(one) for one in found]}
        context.show(json.dumps(document, indent=2))
    else:
        for one in found:
            context.show(f"site {one.site}: pid {one.pid} ({one.name}): {one.text}")
        for name, count in counts.items():
            if not any(one.site == name for one in found):
                context.show(f"site {name}: {count} processes, nothing found")
    if missing:
        return Status.NOT_RUNNING
    return Status.FAILED if found else Status.DONE


def _members(context: Context, name: str, master: int) -> list[Process]:
    """List the site's processes: descendants of its master, and what else is in its cgroup."""
    found = {process.pid: process for process in processes.tree(master)}
    if context.has_systemd:
        for pid in context.systemd.pids(name):
            process = processes.read(pid)
            if process is not None:
                found.setdefault(pid, process)
    return list(found.values())


def judge(site: Site, account: Account, process: Process, is_master: bool) -> list[str]:
    """Compare one process with what the site file gives it; pure."""
    found = []
    if set(process.uids) != {account.uid}:
        found.append(f"runs as uid {_all(process.uids)}, not {account.uid} ({account.name})")
    if set(process.gids) != {account.gid}:
        found.append(f"runs as gid {_all(process.gids)}, not {account.gid}")
    extra = process.groups - set(account.groups) - {account.gid}
    if extra:
        found.append(f"is in the groups {_all(sorted(extra))}, which its user is not")
    # the master keeps the one capability, to bind again after a reload; workers have dropped it
    allowed = _CAP_NET_BIND_SERVICE if is_master and site.privileged_ports else 0
    for key in _HELD:
        if key == "CapInh" and site.sandbox.get("setuid_programs"):
            continue  # systemd makes the bounding set inheritable: nothing without a file's own
        more = process.capabilities.get(key, 0) & ~allowed
        if more:
            found.append(f"has capabilities: {key} {more:#x}")
    if not process.no_new_privileges and not site.sandbox.get("setuid_programs"):
        found.append("could gain privileges: no-new-privileges is not set")
    if process.umask is not None and not process.umask & 0o002:
        found.append(f"makes files that everybody may write (umask {process.umask:04o})")
    return found


def strange_files(account: Account, pid: int, proc: Path = processes.PROC) -> list[str]:
    """Find open descriptors of files that the site's user could not open itself."""
    found = []
    try:
        names = sorted((proc / str(pid) / "fd").iterdir(), key=lambda path: int(path.name))
    except OSError:
        return []
    for path in names:
        try:
            facts = path.stat()
            shown = str(path.readlink())
        except OSError:
            continue
        has_name = shown.startswith("/") and not shown.startswith("/memfd:")
        if has_name and _is_storage(facts.st_mode) and not may_open(account, facts):
            found.append(f"descriptor {path.name} is open on {shown!r}, closed to its user")
    return found


def _is_storage(mode: int) -> bool:
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISBLK(mode)


def may_open(account: Account, facts: os.stat_result) -> bool:
    """Whether the mode of a file lets the user read or write it."""
    if facts.st_uid == account.uid:
        return True
    if facts.st_gid == account.gid or facts.st_gid in account.groups:
        return bool(facts.st_mode & 0o060)
    return bool(facts.st_mode & 0o006)


def _all(numbers: Iterable[int]) -> str:
    return ",".join(map(str, dict.fromkeys(numbers)))
