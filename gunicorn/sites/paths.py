"""Where everything of a site lives, and which file names are sites.

The one place that spells these paths. Nothing here touches a file: a ``Paths`` only answers, and
tests give it another root. There is deliberately no environment variable for that: root runs this
code with whatever environment it is given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SUFFIX = ".conf"

#: 64 characters, so that ``/run/gunicorn/NAME/control`` stays well below the 107 bytes of a Unix
#: socket address; no letter that systemd would have to escape in a unit name, so ``%i`` is the name
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")

#: entries of ``/run/gunicorn`` that are the supervisor's own
_RESERVED = {"supervisor", "supervisor.lock", "notify"}

#: what editors and package managers leave beside a file; such a file was never meant as a site
_LEFTOVER = re.compile(
    r"^[._]|~$|\.(dpkg|ucf)-[a-z]+(\.conf)?$|\.(bak|orig|rej|swp|save)(\.conf)?$"
)

UNIT_PREFIX = "gunicorn@"
UMBRELLA = "gunicorn.service"


@dataclass(frozen=True)
class Paths:
    """The file system as the init layer knows it, below ``root``."""

    root: Path = Path("/")

    @property
    def sites(self) -> Path:
        """The administrator's directory: one file, one site."""
        return self.root / "etc/gunicorn.d"

    @property
    def defaults(self) -> Path:
        """Same syntax as a site file; gives every site its defaults."""
        return self.root / "etc/gunicorn/defaults.conf"

    @property
    def run(self) -> Path:
        return self.root / "run/gunicorn"

    @property
    def logs(self) -> Path:
        return self.root / "var/log/gunicorn"

    @property
    def systemd(self) -> Path:
        """Exists exactly where systemd is the init system (sd_booted(3))."""
        return self.root / "run/systemd/system"

    def credential(self, name: str, key: str) -> Path:
        """Where systemd lays a copy of a secret for a unit that runs (LoadCredential=)."""
        return self.root / "run/credentials" / unit_of(name) / key

    @property
    def supervisor(self) -> Path:
        """Control socket of ``gunicornctl run``; root only."""
        return self.run / "supervisor"

    @property
    def supervisor_lock(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def notify(self) -> Path:
        """Where masters started by ``gunicornctl run`` say that they are ready."""
        return self.run / "notify"

    def site_file(self, name: str) -> Path:
        return self.sites / f"{name}{SUFFIX}"

    def dropins(self, name: str) -> Path:
        """``SITE.conf.d``: more files of a site, each overriding what comes before it by name."""
        return self.sites / f"{name}{SUFFIX}.d"

    def run_dir(self, name: str) -> Path:
        return self.run / name

    def log_dir(self, name: str) -> Path:
        return self.logs / name

    def socket(self, name: str) -> Path:
        return self.run_dir(name) / "socket"

    def control(self, name: str) -> Path:
        return self.run_dir(name) / "control"

    def pidfile(self, name: str) -> Path:
        return self.run_dir(name) / "gunicorn.pid"

    def errorlog(self, name: str) -> Path:
        return self.log_dir(name) / "error.log"

    def accesslog(self, name: str) -> Path:
        return self.log_dir(name) / "access.log"


def is_leftover(filename: str) -> bool:
    """Whether this file of the site directory is to be passed over in silence."""
    return not filename.endswith(SUFFIX) or bool(_LEFTOVER.search(filename))


def name_problem(name: str) -> str | None:
    """Why this cannot be the name of a site; None when it can."""
    if name in _RESERVED:
        return f"{name!r} is reserved for gunicorn itself"
    if not _NAME.fullmatch(name):
        return (
            f"{name!r} is no site name: lower-case letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit, at most 64 characters"
        )
    return None


def unit_of(name: str) -> str:
    """Name the unit of a site. No escaping: names hold nothing that systemd escapes."""
    return f"{UNIT_PREFIX}{name}.service"


def site_of(unit: str) -> str | None:
    """Name the site a unit belongs to; None for any other unit."""
    if not (unit.startswith(UNIT_PREFIX) and unit.endswith(".service")):
        return None
    name = unit[len(UNIT_PREFIX) : -len(".service")]
    return name if name and name_problem(name) is None else None
