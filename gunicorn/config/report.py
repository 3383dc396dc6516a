"""The configuration as a list: each setting, its value, and where the value was written.

Three forms of the same rows: a table for people, lines of fields separated by tabs for tools, and
JSON. Nothing is shortened, because who asks for a value wants that value.
"""

from __future__ import annotations

import json
import sys

from gunicorn.config import validators

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gunicorn.config.config import Config
    from gunicorn.config.setting import Setting

    #: name, value, origin
    Row = tuple[str, str, str]

#: file modes, which nobody reads in decimal
_OCTAL = (validators.validate_umask, validators.validate_mode)


def format_table(cfg: Config) -> str:
    """A table in columns; values as they would be written in a configuration file."""
    rows = [("SETTING", "VALUE", "FROM"), *_rows(cfg)]
    # One long list must not push every line's origin off the screen.
    widths = [max(len(row[0]) for row in rows), min(48, max(len(row[1]) for row in rows))]
    return "".join(f"{name:{widths[0]}}  {text:{widths[1]}}  {at}\n" for name, text, at in rows)


def format_lines(cfg: Config) -> str:
    """A line for each setting: name, value, origin, separated by tabs."""
    # A tab or line end inside a value is written as \t or \n already: the value is a literal.
    return "".join("\t".join(row) + "\n" for row in _rows(cfg))


def format_json(cfg: Config) -> str:
    """An object by setting name: ``value`` and ``from`` of each."""
    found = {
        name: {"value": _plain(_value(cfg, name)), "from": cfg.origin(name)}
        for name in sorted(cfg.settings)
    }
    return json.dumps(found, indent=2) + "\n"


def format_for(cfg: Config, stream: Any = None) -> str:
    """The table where ``stream`` (standard output) is a terminal, else the lines."""
    stream = stream or sys.stdout
    return format_table(cfg) if stream.isatty() else format_lines(cfg)


def _rows(cfg: Config) -> list[Row]:
    return [
        (name, _literal(cfg.settings[name], _value(cfg, name)), cfg.origin(name))
        for name in sorted(cfg.settings)
    ]


def _value(cfg: Config, name: str) -> Any:
    # The one value that depends on another setting: `debug` allows one worker.
    return cfg.workers if name == "workers" else cfg.settings[name].value


def _literal(item: Setting, value: Any) -> str:
    if type(item).validator in _OCTAL and isinstance(value, int):
        return f"0o{value:03o}"
    return repr(value) if value is None or not callable(value) else _name_of(value)


def _plain(value: Any) -> Any:
    """The value as JSON can hold it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return _name_of(value) if callable(value) else repr(value)


def _name_of(function: Any) -> str:
    """``module.name`` of a class or function."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module else str(name)
