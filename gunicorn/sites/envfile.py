"""``env_file``: variables that are secrets, in a file of root's that no site can read.

How a value reaches the site without being seen on the way:

- Under systemd the unit has ``LoadCredential=``: systemd reads the file as root and lays a copy
  where only the unit's user can read it, in memory where it can. ``gunicornctl exec`` takes it from
  there into the environment of the master. Not ``EnvironmentFile=``: that would also be the
  environment of ``gunicornctl prepare``, which runs as root, and ``PYTHONPATH`` in it would choose
  root's code.
- Without systemd the supervisor reads the file, as root, before it becomes the site's user.

A line is ``NAME=value``, the value perhaps in quotes; ``#`` begins a comment line. Complaints name
file and line and never the text of a line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from gunicorn.errors import ConfigError
from gunicorn.sites import keys, trust
from gunicorn.sites.site import Site, SiteError

#: name of the credential in the unit
CREDENTIAL = "env_file"

#: what the credential holds when systemd found no file: the unit's fallback, and no line of a file
MISSING = "missing file"

_LINE = re.compile(r"\s*(?:export\s+)?([^=\s]+)\s*=\s*(.*?)\s*")


def parse(path: str, text: str) -> dict[str, str]:
    """Read the variables of an environment file.

    :raises ConfigError: one line with ``file:line``, nothing of the line itself
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if not match:
            raise ConfigError(f"{path}:{number}: a line is NAME=value")
        name, value = match.groups()
        if value[:1] in ("'", '"'):
            if len(value) < 2 or value[-1] != value[0]:
                raise ConfigError(f"{path}:{number}: the quote is not closed")
            value = value[1:-1]
        try:
            keys.check_variable_name(name)
            found[name] = keys.check_variable(value)
        except ValueError as error:
            raise ConfigError(f"{path}:{number}: {error}") from None
    return found


def problem(site: Site, rules: trust.Rules = trust.ROOT_ONLY) -> str | None:
    """Say what is wrong with who may read or write the site's file; None when nothing is.

    Looks without opening, so that the site's own user may ask too.
    """
    if site.env_file is None:
        return None
    place = f"{site.place('env_file')}: env_file"
    try:
        mode = trust.mode_of_trusted(Path(site.env_file), rules)
    except FileNotFoundError:
        return f"{place}: {site.env_file} does not exist"
    except trust.UntrustedError as error:
        return f"{place}: {error}"
    except OSError as error:
        return f"{place}: {site.env_file}: {(error.strerror or 'unreadable').lower()}"
    if mode & 0o007:
        shown = f"is open to everybody (mode {mode:04o}): chmod o= {site.env_file}"
        return f"{place}: {site.env_file} {shown}"
    return None


def read(site: Site, rules: trust.Rules = trust.ROOT_ONLY) -> dict[str, str]:
    """Read the site's secrets, as root.

    :raises SiteError: the file is missing, not root's, open to everybody, or no list of variables
    """
    if site.env_file is None:
        return {}
    reason = problem(site, rules)
    if reason:
        raise SiteError([reason])
    try:
        data = trust.read_trusted(Path(site.env_file), rules)
    except OSError as error:
        reason = f"{site.place('env_file')}: env_file: {site.env_file}: {error.strerror}"
        raise SiteError([reason]) from None
    return _parse(site, data.decode("utf-8", "surrogateescape"))


def read_credential(site: Site, environ: Mapping[str, str]) -> dict[str, str]:
    """Take the site's secrets from where systemd laid them, as the site's user.

    :raises SiteError: there was no file, or the unit is older than the site file
    """
    if site.env_file is None:
        return {}
    place = f"{site.place('env_file')}: env_file"
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        raise SiteError([f"{place}: the unit is older than the site file: gunicornctl sync"])
    try:
        text = (Path(directory) / CREDENTIAL).read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise SiteError([f"{place}: systemd handed over nothing: {error.strerror}"]) from None
    if text == MISSING:
        raise SiteError([f"{place}: {site.env_file} does not exist"])
    return _parse(site, text)


def _parse(site: Site, text: str) -> dict[str, str]:
    try:
        return parse(str(site.env_file), text)
    except ConfigError as error:
        raise SiteError([str(error)]) from None
