"""``gunicornctl convert``: an old ``CONFIG = {...}`` file of Debian's gunicorn becomes a site file.

The old file is Python that used to be executed as root. It is parsed and never run: what is no
literal is named with its line and left to a person. ``args`` is a command line of the server, so
the server's own parser reads it.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
from pathlib import Path
from typing import Any

from gunicorn.config import Config, cli
from gunicorn.errors import ConfigError
from gunicorn.sites import keys, site
from gunicorn.sites.context import Context, Status
from gunicorn.sites.paths import SUFFIX
from gunicorn.sites.show import literal
from gunicorn.sites.site import SiteError

#: what the old helper assumed
_OLD_USER = "www-data"
_OLD_PYTHONS = {"/usr/bin/python", "/usr/bin/python2", "/usr/bin/python3"}
#: keys whose meaning went away, and what to know
_GONE = {"retry": "stopping waits for graceful_timeout"}
_KNOWN = {"mode", "user", "group", "working_dir", "python", "environment", "args", *_GONE}


def convert(context: Context, options: argparse.Namespace) -> int:
    """Print the site file for an old file; 78 when the result is not right as it is."""
    path = Path(options.file)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        context.say(f"{path}: cannot be read: {error}")
        return Status.FAILED
    lines, notes = translate(path, text)
    document = "\n".join(lines) + "\n"
    context.show(document.rstrip("\n"))
    for note in notes:
        context.say(note)
    target = path.with_name(path.name.removesuffix(SUFFIX) + SUFFIX)
    try:
        site.parse_site(path.name.removesuffix(SUFFIX), target, document.encode())
    except SiteError as error:
        for line in error.problems:
            context.say(f"to be mended: {line.removeprefix(f'{target}:')}")
        return Status.SITE
    return Status.DONE


def translate(path: Path, text: str) -> tuple[list[str], list[str]]:
    """Give the lines of the site file, and what a person should know, a line each.

    :raises ConfigError: there is no CONFIG that could be read; one line
    """
    config, notes = _read(path, text)
    top: dict[str, Any] = {"user": config.get("user", _OLD_USER)}
    if "group" in config:
        top["group"] = config["group"]
    mode = config.get("mode", "wsgi")
    if mode != "wsgi":
        top["mode"] = mode
        if mode not in keys.MODES:
            notes.append(f"{path}: mode {mode!r}: name the WSGI object of the project in app")
    if config.get("working_dir", "/") != "/":
        top["chdir"] = config["working_dir"]
    if config.get("python", "/usr/bin/python") not in _OLD_PYTHONS:
        top["python"] = config["python"]
    settings = _settings(path, config.get("args", ()), notes)
    app = settings.pop("app", None)
    if app is not None:
        top = {"app": app, **top}
    lines = [f"# Converted by gunicornctl from {path}; the old file was not executed."]
    lines += [f"{key} = {literal(value)}" for key, value in {**top, **settings}.items()]
    environment = config.get("environment", {})
    if environment:
        lines += ["", "[env]"]
        lines += [f"{_key(name)} = {literal(str(value))}" for name, value in environment.items()]
    return lines, notes


def _read(path: Path, text: str) -> tuple[dict[str, Any], list[str]]:
    """Find the last CONFIG and evaluate its literals."""
    try:
        tree = ast.parse(text, str(path))
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ConfigError(f"{path}:{line}: this is no Python: {error}") from None
    notes: list[str] = []
    found: ast.Dict | None = None
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "CONFIG" for target in statement.targets
        ):
            if not isinstance(statement.value, ast.Dict):
                raise ConfigError(f"{path}:{statement.lineno}: CONFIG is no dictionary display")
            found = statement.value
        elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            notes.append(f"{path}:{statement.lineno}: not executed: {_short(statement)}")
    if found is None:
        raise ConfigError(f"{path}: there is no CONFIG = {{...}} in it")
    config: dict[str, Any] = {}
    for key, value in zip(found.keys, found.values, strict=True):
        try:
            name = ast.literal_eval(key) if key is not None else None
            if name not in _KNOWN:
                notes.append(f"{path}:{value.lineno}: {name!r} was no key and is left out")
                continue
            config[name] = ast.literal_eval(value)
        except (ValueError, TypeError, MemoryError, RecursionError):
            notes.append(f"{path}:{value.lineno}: no literal, left out: {_short(value)}")
    for name in set(config) & set(_GONE):
        notes.append(f"{path}: {name} is gone: {_GONE[name]}")
    for name, kind in (("environment", dict), ("args", (list, tuple))):
        if not isinstance(config.get(name, kind() if isinstance(kind, type) else ()), kind):
            notes.append(f"{path}: {name} has an unexpected form and is left out")
            del config[name]
    return config, notes


def _settings(path: Path, args: Any, notes: list[str]) -> dict[str, Any]:
    """Read the old command line with the server's own parser."""
    config = Config()
    parser = cli.make_parser(config)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            options, rest = parser.parse_known_args([str(word) for word in args])
    except SystemExit:
        reason = complaint.getvalue().strip().splitlines()[-1:]
        notes.append(f"{path}: args: not understood: {' '.join(reason)}")
        return {}
    found: dict[str, Any] = {}
    words = [*getattr(options, "args", []), *rest]
    if words:
        found["app"] = words[-1]
        notes += [f"{path}: args: {word!r} is left out" for word in words[:-1]]
    for name, value in vars(options).items():
        if name == "args" or value is None or name not in config.settings:
            continue
        if name in keys.REFUSED:
            notes.append(f"{path}: args: {name} is left out: {keys.REFUSED[name]}")
        else:
            found[name] = _number(value)
    return found


def _number(value: Any) -> Any:
    """Write numbers as numbers; the parser of the command line leaves them as text."""
    if isinstance(value, list):
        return value if len(value) != 1 else value[0]
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _key(name: Any) -> str:
    text = str(name)
    return text if text.replace("_", "a").isalnum() and text.isascii() else literal(text)


def _short(node: ast.AST) -> str:
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) < 60 else text[:57] + "..."
