"""A site file becomes a ``Site`` record, or a list of what is wrong with it.

The file is data: it is parsed, checked key by key and never executed, because root reads it. Every
complaint carries ``file:line``, what is wrong and what would be right, and all of them are found in
one go. Server settings are checked by the same validators as everywhere else; a setting that can
only be Python (a hook) is refused, because checking it would import the site's code as root.

Knows nothing about systemd and starts nothing. Who may write the file is ``trust``'s question.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gunicorn import util
from gunicorn.config import KNOWN_SETTINGS
from gunicorn.config.validators import ACCEPTS
from gunicorn.errors import ConfigError
from gunicorn.sites import delegation, document, keys, trust
from gunicorn.sites.document import Document
from gunicorn.sites.paths import Paths, is_leftover, name_problem

_TABLES = ("env", "limits", "sandbox")
#: the tables whose keys are known, and what one of them is called
_ROWS = {"limits": (keys.LIMIT_KEYS, "limit"), "sandbox": (keys.SANDBOX_KEYS, "grant")}
_SETTINGS = {setting.name: setting for setting in KNOWN_SETTINGS}


class SiteError(ConfigError):
    """A site file cannot be used. ``problems`` has a line for each reason."""

    def __init__(self, problems: list[str]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(problems[0] + more)
        self.problems = problems


@dataclass(frozen=True)
class Site:
    """One site as its administrator described it, defaults filled in."""

    name: str
    path: Path
    app: str
    user: str
    group: str | None = None
    mode: str = "wsgi"
    chdir: str | None = None
    python: str | None = None
    start: str = "auto"
    socket_group: str = "www-data"
    socket_mode: int = 0o660
    config: str | None = None
    env_file: str | None = None
    writable: tuple[str, ...] = ()
    #: server settings as written (TOML values); they have passed their validators
    settings: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    #: what is granted beyond the sandbox of all sites
    sandbox: Mapping[str, str | bool] = field(default_factory=dict)
    #: the documents the values came from, strongest first: for ``place``
    documents: tuple[Document, ...] = ()

    def place(self, *key: str) -> str:
        """``file:line`` where a key got its value; the site file where nobody gave it."""
        for given in self.documents:
            if _has(given.tables, key):
                return given.place(*key)
        return str(self.path)

    @property
    def privileged_ports(self) -> list[int]:
        """TCP ports below 1024 that the site's master is to bind."""
        found = []
        for address in as_list(self.settings.get("bind", [])):
            parsed = util.parse_address(address)
            if isinstance(parsed, tuple) and 0 < parsed[1] < 1024:
                found.append(parsed[1])
        return found


def read_site(name: str, paths: Paths, rules: trust.Rules = trust.ROOT_ONLY) -> Site:
    """Read, trust-check and validate one site of the site directory.

    :raises SiteError: with one line for every reason
    """
    problem = name_problem(name)
    if problem:
        raise SiteError([problem])
    return read_with_defaults(name, paths, read_defaults(paths, rules), rules)


def read_with_defaults(
    name: str, paths: Paths, defaults: Document | None, rules: trust.Rules = trust.ROOT_ONLY
) -> Site:
    """Read one site whose name is right, with defaults that were read already.

    :raises SiteError: with one line for every reason
    """
    path = paths.site_file(name)
    delegates = _delegates(defaults, paths)
    found = _read(path, rules, frozenset(delegates))
    if found is None:
        raise SiteError([f"{path}: there is no such site file"])
    data, uid = found
    own = _parse(path, data)
    owner = delegates.get(uid)
    if owner is not None:
        refused = delegation.problems(own, name, paths)
        if refused:
            raise SiteError(refused)
    documents = [*read_dropins(name, paths, rules), own, *([defaults] if defaults else [])]
    return make_site(name, path, documents, owner)


def _delegates(defaults: Document | None, paths: Paths) -> dict[int, str]:
    try:
        return delegation.users(defaults, paths)
    except ValueError as error:
        assert defaults is not None
        place = defaults.place(delegation.KEY)
        raise SiteError([f"{place}: {delegation.KEY}: {error}"]) from None


def read_document(path: Path, rules: trust.Rules = trust.ROOT_ONLY) -> Document | None:
    """Read one file, if root alone could have written it; None when there is none.

    :raises SiteError: it cannot be trusted, read or parsed
    """
    found = _read(path, rules)
    return None if found is None else _parse(path, found[0])


def read_defaults(paths: Paths, rules: trust.Rules = trust.ROOT_ONLY) -> Document | None:
    """Read the defaults of all sites; None where the administrator has written none."""
    return read_document(paths.defaults, rules)


def read_dropins(name: str, paths: Paths, rules: trust.Rules = trust.ROOT_ONLY) -> list[Document]:
    """Read ``SITE.conf.d/*.conf``, strongest (the last by name) first.

    :raises SiteError: one of them cannot be used; the site must not start without what it says
    """
    directory = paths.dropins(name)
    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SiteError([f"{directory}: cannot be read: {error.strerror}"]) from None
    found = [read_document(directory / name, rules) for name in names if not is_leftover(name)]
    return [one for one in reversed(found) if one is not None]


def parse_site(name: str, path: Path, data: bytes, defaults: Document | None = None) -> Site:
    """Validate the text of a site file; touches no file.

    :raises SiteError: with one line for every reason
    """
    return make_site(name, path, [_parse(path, data), *([defaults] if defaults else [])])


def make_site(name: str, path: Path, documents: list[Document], owner: str | None = None) -> Site:
    """Put the documents of a site together, given the strongest first; pure.

    ``owner`` is the user a delegated file belongs to, and so the user the site runs as.

    :raises SiteError: with one line for every reason
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    tables: dict[str, Any] = {table: {} for table in _TABLES}
    # weakest first, so that the site overrides its defaults key by key, also inside tables
    for given in reversed(documents):
        for key, value in given.tables.items():
            try:
                if key == delegation.KEY and given.path.endswith("/defaults.conf"):
                    continue
                if key in _TABLES:
                    _check_table(given, key, value, tables[key], problems)
                elif key in keys.SITE_KEYS:
                    values[key] = keys.SITE_KEYS[key].check(value)
                else:
                    settings[key] = _check_setting(key, value)
            except (ValueError, TypeError, ConfigError) as error:
                problems.append(f"{given.place(key)}: {_reason(key, error)}")
    names = {key for given in documents for key in given.tables}
    if owner is not None:
        values = delegation.with_owner(values, owner)
        names.add("user")
    problems += _check_whole(path, names)
    if "app" in values:
        reason = keys.app_problem(values.get("mode", "wsgi"), values["app"])
        if reason:
            place = next(one.place("app") for one in documents if "app" in one.tables)
            problems.append(f"{place}: app: {reason}")
    if problems:
        raise SiteError(problems)
    return Site(name, path, settings=settings, documents=tuple(documents), **tables, **values)


def _read(
    path: Path, rules: trust.Rules, delegates: frozenset[int] = frozenset()
) -> tuple[bytes, int] | None:
    try:
        return trust.read_owned(path, rules, delegates)
    except FileNotFoundError:
        return None
    except trust.UntrustedError as error:
        raise SiteError([str(error)]) from None
    except PermissionError:
        hint = "it is to be root's, with the site's group and mode 0640, or with mode 0644"
        raise SiteError([f"{path}: cannot be read by uid {os.geteuid()}: {hint}"]) from None
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise SiteError([f"{path}: cannot be read: {reason}"]) from None


def _parse(path: Path, data: bytes) -> Document:
    try:
        return document.parse(str(path), data)
    except ConfigError as error:
        raise SiteError([str(error)]) from None


class _PlainError(ValueError):
    """A reason that is a whole sentence and needs no ``key:`` before it."""


def _reason(key: str, error: Exception) -> str:
    return str(error) if isinstance(error, _PlainError) else f"{key}: {error}"


def _check_setting(key: str, value: Any) -> Any:
    """Validate a server setting; returns the value as written."""
    setting = _SETTINGS.get(key)
    if setting is None:
        raise _PlainError(f"unknown key {key}{_nearest(key)}")
    if key in keys.REFUSED:
        raise ValueError(f"not in a site file: {keys.REFUSED[key]}")
    if callable(setting.default) or key == "ssl_context":
        raise ValueError('hooks are Python: write them into a file and name it with config = "..."')
    try:
        setting().set(value)
    except (ValueError, TypeError) as error:
        expected = setting.accepts or ACCEPTS.get(setting.validator, "")
        raise ValueError(f"{error}{f'; expected {expected}' if expected else ''}") from None
    return value


def _check_table(
    given: Document, table: str, value: Any, into: dict[str, Any], problems: list[str]
) -> None:
    """Validate a table into ``into``, complaints into ``problems``."""
    if not isinstance(value, dict):
        raise ValueError(f"a table is expected: [{table}] on a line of its own")
    for key, item in value.items():
        try:
            if table == "env":
                into[key] = _check_env(key, item)
            else:
                into[key] = _check_row(table, key, item)
        except ValueError as error:
            problems.append(f"{given.place(table, key)}: {_reason(f'{table}.{key}', error)}")


def _check_row(table: str, key: str, value: Any) -> Any:
    rows, what = _ROWS[table]
    if key not in rows:
        near = f"{_nearest(key, list(rows))}{_moved(key, table)}"
        raise _PlainError(f"unknown {what} {key}{near}")
    return rows[key].check(value)


def _check_env(key: str, value: Any) -> str:
    # TOML gives every line below [env] to it, so a setting appended to the file becomes a variable
    if key.islower() and (key in keys.SITE_KEYS or key in _SETTINGS):
        raise _PlainError(f"{key} stands below [env], so it is a variable{_moved(key, 'env')}")
    keys.check_variable_name(key)
    return keys.check_variable(value)


def _moved(key: str, table: str) -> str:
    if key in keys.SITE_KEYS or key in _SETTINGS:
        return f": move it above the line [{table}]"
    return ""


def _nearest(name: str, names: list[str] | None = None) -> str:
    names = names or [*keys.SITE_KEYS, *_TABLES, *(set(_SETTINGS) - set(keys.REFUSED))]
    close = util.nearest(name, names, 0.6)
    return f": did you mean {close}?" if close else ""


def _check_whole(path: Path, given: set[str]) -> list[str]:
    """Tell what no single key can: keys that are missing from all documents."""
    problems = []
    if "app" not in given:
        problems.append(f'{path}:1: app is missing, for example app = "shop.wsgi:application"')
    if "user" not in given:
        problems.append(
            f'{path}:1: user is missing: the account the site runs as, for example user = "shop"'
        )
    return problems


def _has(tables: Mapping[str, Any], key: tuple[str, ...]) -> bool:
    for part in key:
        if not isinstance(tables, Mapping) or part not in tables:
            return False
        tables = tables[part]
    return True


def as_list(value: Any) -> list[str]:
    """Give the texts of a setting that is one text or a list of them."""
    return [value] if isinstance(value, str) else list(value)
