"""``gunicornctl show``: what a site's files come to, and from which file and line each value is.

The rows are the site as read, so that people and machines see the same; nothing is executed, and
the Python file that ``config`` may name is only named. Values of ``env_file`` are not read at all.
Who may run this may read the site file.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from typing import Any, NamedTuple

from gunicorn.config import KNOWN_SETTINGS
from gunicorn.sites import keys, site
from gunicorn.sites.context import Context, Status
from gunicorn.sites.site import Site
from gunicorn.sites.talk import plain

#: where a value is from that no file gives
BUILT_IN = "built-in"

_TABLES = {"env": None, "limits": keys.LIMIT_KEYS, "sandbox": keys.SANDBOX_KEYS}


class Row(NamedTuple):
    """One key with its value, as TOML has it, and its origin."""

    key: str
    value: Any
    origin: str


def show(context: Context, options: argparse.Namespace) -> int:
    """Show the keys of a site; with ``--all`` also the settings that nobody gave."""
    found = rows(site.read_site(options.site, context.paths, context.rules), options.all)
    if options.json:
        document = {row.key: {"value": row.value, "from": row.origin} for row in found}
        context.show(json.dumps(document, indent=2, ensure_ascii=False))
        return Status.DONE
    width = max(len(row.key) for row in found)
    texts = [literal(row.value) for row in found]
    column = min(40, max(map(len, texts))) if options.origin else 0
    for row, text in zip(found, texts, strict=True):
        origin = f"  # {row.origin}" if options.origin else ""
        context.show(f"{row.key:{width}} = {text:{column}}{origin}".rstrip())
    return Status.DONE


def rows(one: Site, with_defaults: bool) -> list[Row]:
    """List the keys of a site in the order of the manual; tables are written ``table.key``."""
    names = {field.name for field in fields(one)}
    found = []
    for key in keys.SITE_KEYS:
        assert key in names, f"{key} has no place in a Site"
        value = getattr(one, key)
        if value not in (None, ()):
            found.append(_row(one, value, key))
    for setting in sorted(KNOWN_SETTINGS, key=lambda item: item.name):
        if setting.name in one.settings:
            found.append(_row(one, one.settings[setting.name], setting.name))
        elif with_defaults and setting.name not in keys.REFUSED and not callable(setting.default):
            found.append(Row(setting.name, setting.default, BUILT_IN))
    for table in _TABLES:
        for key, value in getattr(one, table).items():
            found.append(_row(one, value, table, key))
    return found


def _row(one: Site, value: Any, *key: str) -> Row:
    is_given = any(_gives(document.tables, key) for document in one.documents)
    if key == ("socket_mode",):
        value = f"{value:04o}"
    shown = list(value) if isinstance(value, tuple) else value
    return Row(".".join(key), shown, one.place(*key) if is_given else BUILT_IN)


def _gives(tables: dict[str, Any], key: tuple[str, ...]) -> bool:
    first, *rest = key
    return first in tables and (not rest or rest[0] in tables[first])


def literal(value: Any) -> str:
    """Write a value as TOML; None, which TOML has not, as nothing given."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        return json.dumps(plain(value), ensure_ascii=False)
    return "(none)" if value is None else str(value)
