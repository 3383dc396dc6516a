"""``gunicornctl check``: everything that can be known to be wrong without starting anything.

One site: its file, its user, and what that user can reach. All sites: also what two of them claim,
what others have taken, and whether the machine is large enough. Nothing is changed, nothing of an
application is imported.
"""

from __future__ import annotations

import argparse
import os
import pwd
from pathlib import Path

from gunicorn.errors import ConfigError
from gunicorn.sites import account as accounts
from gunicorn.sites import become, certificates, envfile, preflight, processes, reach, site, survey
from gunicorn.sites.account import Account
from gunicorn.sites.context import Context, Status
from gunicorn.sites.fleet import odd_files, site_names
from gunicorn.sites.paths import SUFFIX, name_problem
from gunicorn.sites.site import Site, SiteError


def check(context: Context, options: argparse.Namespace) -> int:
    """Say what is wrong with site files, all of it; 78 when anything is."""
    names = options.sites or site_names(context.paths)
    good: dict[str, tuple[Site, Account]] = {}
    problems: dict[str, list[str]] = {}
    warnings: list[str] = []
    for name in names:
        try:
            good[name] = read_with_account(context, name)
            problems[name] = look_around(context, *good[name])
            if not problems[name]:
                found = certificates.look(*good[name])
                problems[name] = found.problems
                warnings += found.warnings
        except SiteError as error:
            problems[name] = error.problems
    odd: list[str] = []
    if not options.sites:
        clashes = compare(context, good)
        warnings += clashes.warnings
        for name, lines in clashes.problems.items():
            problems[name] += lines
        odd = odd_files(context.paths)
    if not context.has_systemd:
        for one, _ in good.values():
            warnings += become.differences(one)
    for name in names:
        for line in problems[name]:
            context.say(line)
        if not problems[name]:
            context.show(f"{name}: ok")
    for line in [*(f"warning: {line}" for line in warnings), *odd]:
        context.say(line)
    return Status.SITE if any(problems.values()) else Status.DONE


def look_around(context: Context, one: Site, account: Account) -> list[str]:
    """Look for what a site names, as its user and as the proxy; only root can become them."""
    if os.geteuid() != 0:
        return []
    try:
        found = reach.problems_of_user(one, account)
        found += reach.problems_of_places(one, account, context.paths)
        found += reach.problems_of_proxy(one, account, context.paths)
    except OSError as error:
        return [f"site {one.name}: cannot look around: {error}"]
    try:
        envfile.read(one, context.rules)
    except ConfigError as error:
        found.append(str(error))
    return found


def compare(context: Context, good: dict[str, tuple[Site, Account]]) -> preflight.Findings:
    """Hold the sites against each other and against the machine."""
    sites = [one for one, _ in good.values()]
    found = preflight.conflicts(sites)
    listeners = preflight.read_listeners()
    for one, account in good.values():
        if one.start == "disabled":
            continue
        for line in preflight.taken(one, account.uid, listeners, _user_name):
            found.add(one.name, line)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    sizes = preflight.memory(sites, _per_worker(context, sites), total)
    for name, lines in sizes.problems.items():
        for line in lines:
            found.add(name, line)
    found.warnings += sizes.warnings
    return found


def _per_worker(context: Context, sites: list[Site]) -> dict[str, int]:
    """Measure what a worker of each running site has, master left out."""
    names = {one.name for one in sites}
    found = {}
    for name, unit in survey.look_at_units(
        context, {one.name: one for one in sites}, names
    ).items():
        workers = processes.tree(unit.pid)[1:] if unit.pid and os.geteuid() == 0 else []
        memory = processes.memory_of_tree(workers)
        if memory:
            found[name] = memory // len(workers)
    return found


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def read_with_account(context: Context, name: str) -> tuple[Site, Account]:
    """Read a site by its name or by the path of its file, and look its account up.

    :raises SiteError: with one line for every reason
    """
    if "/" in name or name.endswith(SUFFIX):
        found = _read_elsewhere(context, Path(name))
    else:
        found = site.read_site(name, context.paths, context.rules)
    return found, accounts.account_of(found)


def _read_elsewhere(context: Context, path: Path) -> Site:
    """Read a file that is perhaps not in its place yet; who may write it matters only there."""
    name = path.name.removesuffix(SUFFIX)
    problem = name_problem(name)
    if problem:
        raise SiteError([f"{path}: {problem}"])
    if path.absolute().parent == context.paths.sites:
        return site.read_site(name, context.paths, context.rules)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SiteError([f"{path}: cannot be read: {(error.strerror or '').lower()}"]) from None
    defaults = site.read_defaults(context.paths, context.rules)
    return site.parse_site(name, path, data, defaults)
