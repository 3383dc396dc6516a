"""From a site file to the running master: which interpreter, which arguments, which environment.

``gunicornctl exec SITE`` is what the unit starts, as the site's user already. It reads the site
file once more, because the environment in it is not for the eyes of everybody and so is in no unit.
The same command is used by the supervisor after it has become the site's user.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gunicorn.sites import account as accounts
from gunicorn.sites import envfile, launch
from gunicorn.sites.account import Account
from gunicorn.sites.paths import Paths
from gunicorn.sites.site import Site, SiteError, read_site
from gunicorn.sites.trust import ROOT_ONLY, Rules

#: run as a file, so that a virtualenv needs no gunicorn inside
LAUNCHER = str(Path(launch.__file__).resolve())

DEFAULT_PYTHON = "/usr/bin/python3"
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Command:
    """What to execute."""

    program: str
    arguments: list[str]
    environment: dict[str, str]


def execute(name: str, paths: Paths, rules: Rules = ROOT_ONLY) -> None:
    """Become the master of a site; returns only by raising.

    :raises SiteError: the site file is wrong, or means another user than the one we are
    """
    site = read_site(name, paths, rules)
    account = accounts.account_of(site)
    if os.geteuid() != account.uid or os.getegid() != account.gid:
        raise SiteError(
            [
                f"{site.place('user')}: the site is {account.name}'s (uid {account.uid}, gid "
                f"{account.gid}), but its unit was made for uid {os.geteuid()}, gid "
                f"{os.getegid()}: gunicornctl sync, then gunicornctl restart {name}"
            ]
        )
    reason = envfile.problem(site, rules)
    if reason:
        raise SiteError([reason])
    command = command_of(site, account, os.environ, envfile.read_credential(site, os.environ))
    check_reachable(site, command)
    os.execve(command.program, command.arguments, command.environment)


def command_of(
    site: Site,
    account: Account,
    inherited: Mapping[str, str],
    secrets: Mapping[str, str] | None = None,
) -> Command:
    """Say what to execute for a site. Looks at the file system only for the virtualenv's program.

    ``inherited`` is what the service manager gave (its sockets, its watchdog, its language); the
    site's own variables win over it. ``secrets`` are those of its ``env_file``; a name that is also
    in ``[env]`` has the value there, as it would after a reload, which cannot read the file.
    """
    program = interpreter_of(site)
    environment = dict(inherited)
    environment.update(
        HOME=account.home, USER=account.name, LOGNAME=account.name, SHELL=account.shell
    )
    environment.setdefault("LANG", "C.UTF-8")
    search = environment.get("PATH", DEFAULT_PATH)
    if site.python and Path(program).parent.parent.joinpath("pyvenv.cfg").is_file():
        # what "activate" does; applications that call their own tools rely on it
        environment["VIRTUAL_ENV"] = str(Path(program).parent.parent)
        search = f"{Path(program).parent}:{search}"
    environment["PATH"] = search
    environment.update(secrets or {})
    environment.update(site.env)
    return Command(program, [program, LAUNCHER, "--site", site.name], environment)


def interpreter_of(site: Site) -> str:
    """Name the site's Python: a virtualenv's, one given by path, or the system's."""
    if site.python is None:
        return DEFAULT_PYTHON if Path(DEFAULT_PYTHON).exists() else sys.executable
    given = Path(site.python)
    return str(given / "bin/python" if given.is_dir() else given)


def check_reachable(site: Site, command: Command) -> None:
    """Find what the master would otherwise stumble over with a worse message. As the site's user.

    :raises SiteError: the interpreter or the directory cannot be used
    """
    problems = unreachable(site, command)
    if problems:
        raise SiteError(problems)


def unreachable(site: Site, command: Command) -> list[str]:
    """Give a line for the interpreter and the directory where we cannot use them."""
    bars = [("python", first_barred(Path(command.program), os.X_OK))]
    if site.chdir is not None:
        bars.append(("chdir", first_barred(Path(site.chdir), os.X_OK)))
    return [f"{site.place(key)}: {key}: {bar} (as user {site.user})" for key, bar in bars if bar]


def first_barred(path: Path, wanted: int) -> str | None:
    """Say in words what keeps us, as who we are, from using a path; None when nothing does.

    :param wanted: ``os.R_OK``, ``os.W_OK`` or ``os.X_OK``
    """
    for parent in reversed(path.parents):
        if not os.access(parent, os.X_OK) and _exists(parent):
            return f"{path} cannot be reached: {parent} is closed"
    if not os.access(path, os.F_OK):
        return f"{path} {'is a link that leads nowhere' if path.is_symlink() else 'does not exist'}"
    if not os.access(path, wanted):
        verbs = {os.R_OK: "read", os.W_OK: "written to"}
        verbs[os.X_OK] = "entered" if path.is_dir() else "executed"
        return f"{path} cannot be {verbs[wanted]}"
    return None


def _exists(path: Path) -> bool:
    # not Path.exists(), which raises where it may not look
    return os.access(path, os.F_OK)
