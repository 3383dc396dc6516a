"""Logging by the user's own configuration: a dictionary, a JSON file or an INI file.

Such a configuration replaces ours whole. The strongest wins: ``logconfig_dict``, then
``logconfig_json``, then ``logconfig``. Reading one and putting it in force are two steps, so that
a reload with a file that cannot be read changes nothing.
"""

from __future__ import annotations

import configparser
import json
import logging.config
import os
from typing import Any

from gunicorn.errors import ConfigError

__all__ = ["DEFAULTS", "apply", "is_given", "read"]

#: what a dictionary need not say
DEFAULTS: dict[str, Any] = {
    "version": 1,
    # The loggers that the application's modules made while they were imported stay in use.
    "disable_existing_loggers": False,
    "formatters": {
        "standard": {
            "format": "%(asctime)s [%(process)d] [%(levelname)s] %(message)s",
            "datefmt": "[%Y-%m-%d %H:%M:%S %z]",
        }
    },
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "formatter": "standard",
            "stream": "ext://sys.stdout",
        },
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "standard",
            "stream": "ext://sys.stderr",
        },
    },
}

Source = dict[str, Any] | configparser.RawConfigParser


def is_given(cfg: Any) -> bool:
    """Whether ``cfg`` has a logging configuration of the user's."""
    return bool(cfg.logconfig_dict or cfg.logconfig_json or cfg.logconfig)


def read(cfg: Any) -> Source | None:
    """The configuration, read; None when there is none. Raises ConfigError."""
    if cfg.logconfig_dict:
        return _completed(cfg.logconfig_dict)
    if cfg.logconfig_json:
        return _completed(_read_json(cfg.logconfig_json, cfg.origin("logconfig_json")))
    if cfg.logconfig:
        return _read_ini(cfg.logconfig, cfg.origin("logconfig"))
    return None


def apply(cfg: Any, source: Source) -> None:
    """Put a configuration in force. Raises ConfigError; part of it may be in force then."""
    try:
        if isinstance(source, dict):
            logging.config.dictConfig(source)
        else:
            logging.config.fileConfig(source, disable_existing_loggers=False)
    except Exception as error:
        # The cause names what is wrong: logging's own text says only which part it could not make.
        cause = error.__cause__ or error
        raise ConfigError(f"{_place(cfg)}: {error}; {cause}") from error


def _place(cfg: Any) -> str:
    for name in ("logconfig_dict", "logconfig_json", "logconfig"):
        if getattr(cfg, name):
            return f"{name}, from {cfg.origin(name)}"
    return "logconfig"


def _completed(given: dict[str, Any]) -> dict[str, Any]:
    merged = DEFAULTS | given
    if given.get("incremental"):
        return merged  # may name only what exists
    for part in ("formatters", "handlers"):
        merged[part] = DEFAULTS[part] | given.get(part, {})
    # Handlers that nobody names are not made: one may need a formatter the user has replaced.
    used = _handlers_used(given)
    merged["handlers"] = {
        name: handler
        for name, handler in merged["handlers"].items()
        if name in used or name in given.get("handlers", {})
    }
    return merged


def _handlers_used(given: dict[str, Any]) -> set[str]:
    loggers = [given.get("root") or {}, *(given.get("loggers") or {}).values()]
    return {name for logger in loggers for name in logger.get("handlers") or ()}


def _read_json(path: str, origin: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 -- text paths throughout
            found = json.load(file)
    except OSError as error:
        raise ConfigError(f"log config {path!r} not found, from {origin}") from error
    except ValueError as error:
        raise ConfigError(f"log config {path!r}, from {origin}, is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"log config {path!r}, from {origin}, holds no object")
    return found


def _read_ini(path: str, origin: str) -> configparser.RawConfigParser:
    where = os.path.abspath(path)  # noqa: PTH100
    # For `%(here)s/access.log` in the arguments of a handler; formats there are read raw.
    parser = configparser.ConfigParser(
        {"__file__": where.replace("%", "%%"), "here": os.path.dirname(where).replace("%", "%%")}  # noqa: PTH120
    )
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            parser.read_file(file)
    except OSError as error:
        raise ConfigError(f"log config {path!r} not found, from {origin}") from error
    except (configparser.Error, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise ConfigError(f"log config {path!r}, from {origin}: {text}") from error
    missing = {"loggers", "handlers", "formatters"} - set(parser.sections())
    if missing:
        raise ConfigError(
            f"log config {path!r}, from {origin}, has no section {', '.join(sorted(missing))}"
        )
    return parser
