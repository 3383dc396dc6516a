"""Delegated site files: written by the user they run as. Off unless root says so, user by user.

``delegate = ["alice"]`` in ``/etc/gunicorn/defaults.conf`` lets a file in ``/etc/gunicorn.d`` that
alice owns count. Only the file may be hers: every directory on the way stays root's, so she can
change what is in it and not which file it is. It runs as alice whatever it says, because the owner
of a file is nothing its text can change; what else root acts on is closed to it, as the table below
has it. Drop-ins of the site are root's like any other, and may open what is closed here.

The names are looked up in ``/etc/passwd`` alone, because a generator asks no directory service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gunicorn import util
from gunicorn.sites.document import Document
from gunicorn.sites.paths import Paths

#: the key of defaults.conf, and of no other file
KEY = "delegate"

#: seconds; a stop or a boot of the machine waits as long as a site's own patience
LONGEST = 120

#: what root or systemd acts on, and why its owner may not choose it
_CLOSED = {
    "user": "a delegated site runs as the owner of its file",
    "group": "a delegated site has the group of its owner",
    "socket_group": "root gives the socket's directory to that group",
    "env_file": "root reads it",
    "writable": "it opens the sandbox",
    "sandbox": "it opens the sandbox",
    "limits": "they are root's to set",
}
_PATIENCE = ("graceful_timeout", "boot_timeout")


def users(defaults: Document | None, paths: Paths) -> dict[int, str]:
    """Give the users that files are delegated to, by number.

    :raises ValueError: the list has another form, or names root or nobody there is
    """
    given = defaults.tables.get(KEY) if defaults else None
    if given is None:
        return {}
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise ValueError('a list of users is expected: ["alice", "bob"]')
    numbers = _local_users(paths)
    found = {}
    for name in given:
        if name not in numbers:
            raise ValueError(f"there is no user {name!r} in /etc/passwd")
        if numbers[name] == 0:
            raise ValueError(f"{name!r} is root, whose files count anyway")
        found[numbers[name]] = name
    return found


def _local_users(paths: Paths) -> dict[str, int]:
    try:
        text = (paths.root / "etc/passwd").read_text(errors="replace")
    except OSError:
        return {}
    rows = (line.split(":") for line in text.splitlines())
    return {row[0]: int(row[2]) for row in rows if len(row) > 6 and row[2].isdigit()}


def problems(given: Document, name: str, paths: Paths) -> list[str]:
    """Give a line for everything in a delegated file that is not its owner's to say."""
    found = []
    for key, value in given.tables.items():
        reason = _CLOSED.get(key) or _value_problem(key, value, name, paths)
        if reason:
            found.append(f"{given.place(key)}: {key}: not in a delegated file: {reason}")
    return found


def _value_problem(key: str, value: Any, name: str, paths: Paths) -> str | None:
    if key == "bind":
        texts = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        return next(filter(None, (_bind_problem(text, name, paths) for text in texts)), None)
    if key in ("errorlog", "accesslog") and isinstance(value, str) and value != "-":
        own = f"{paths.log_dir(name)}/"
        if not value.startswith(own) or "/" in value.removeprefix(own):
            return f"logs of the site are in {own}"
    if key in _PATIENCE:
        seconds = value if isinstance(value, int) else None
        if seconds is None or not 0 < seconds <= LONGEST:
            return f"a whole number from 1 to {LONGEST} is expected"
    return None


def _bind_problem(text: object, name: str, paths: Paths) -> str | None:
    try:
        address = util.parse_address(str(text))
    except ValueError:
        return None  # the validator says what is wrong with it
    if isinstance(address, int):
        return "descriptors are root's to hand over"
    if isinstance(address, str):
        own = f"{paths.run_dir(name)}/"
        is_own = address.startswith(own) and "/" not in address.removeprefix(own)
        reserved = {str(paths.control(name)), str(paths.pidfile(name))}
        return None if is_own and address not in reserved else f"sockets of the site are in {own}"
    return "ports below 1024 are root's" if address[1] < 1024 else None


def with_owner(values: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Set what follows from the owner of the file, whatever the files say."""
    return {**values, "user": owner, "group": None}
