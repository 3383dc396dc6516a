"""Who wins, and where each value came from.

Weakest first: built-in defaults, the environment (``PORT``, ``WEB_CONCURRENCY``,
``FORWARDED_ALLOW_IPS``), the framework, the configuration file, ``GUNICORN_CMD_ARGS``, the command
line. The functions here apply one source each to a :class:`~gunicorn.config.config.Config`; the
order in which ``app.base`` calls them is the precedence.

Each hands its values to ``Config.assign`` with an origin. A complaint goes to ``report``, which
raises ConfigError unless the caller collects them (``--check-config`` wants all of them).
"""

from __future__ import annotations

import sys
import types

from gunicorn import util
from gunicorn.config import setting
from gunicorn.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    import ast
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

    from gunicorn.config.config import Config

    Report = Callable[[str], None]

#: searched in the current directory when no ``-c`` is given
DEFAULT_FILE = "gunicorn.conf.py"

#: Names that are settings of other versions of the server and do nothing here: a file that assigns
#: them loads, with one warning. They are never taken for misspellings.
WITHOUT_EFFECT = frozenset(
    [
        "http_protocols",
        "protocol",
        "ssl_version",
    ]
)

#: what the names of other versions' settings for protocols we do not speak begin with
_FOREIGN = ("asgi_", "dirty_", "on_dirty_", "http2_", "uwsgi_")


def is_foreign(name: str) -> bool:
    """Whether another version of the server has a setting of that name, and this one has not."""
    return name in WITHOUT_EFFECT or name.startswith(_FOREIGN)


def refuse(problem: str) -> None:
    """Raise the problem: what ``report`` is unless somebody collects."""
    raise ConfigError(problem)


def assign(cfg: Config, name: str, value: Any, origin: str, report: Report = refuse) -> None:
    """Write one value; a refusal goes to ``report``."""
    try:
        cfg.assign(name, value, origin)
    except ConfigError as error:
        report(str(error))


def apply_environment(cfg: Config, environ: Mapping[str, str], report: Report = refuse) -> None:
    """Take what platforms set for any server; an empty variable counts as absent."""
    port = environ.get("PORT")
    if port:
        assign(cfg, "bind", [f"0.0.0.0:{port}"], "$PORT", report)
    for variable, name in (
        ("WEB_CONCURRENCY", "workers"),
        ("FORWARDED_ALLOW_IPS", "forwarded_allow_ips"),
    ):
        text = environ.get(variable)
        if text:
            assign(cfg, name, text, f"${variable}", report)


def apply_framework(
    cfg: Config, values: Mapping[str, Any], origin: str, report: Report = refuse
) -> None:
    """Take the dictionary that an application's ``init()`` returned; names in any case."""
    for name, value in values.items():
        assign(cfg, name.lower(), value, origin, report)


def is_weaker_than_framework(origin: str) -> bool:
    """Whether a value of this origin is overridden by what a framework's file says."""
    return origin == setting.BUILT_IN or origin.startswith("$")


def apply_arguments(
    cfg: Config, options: argparse.Namespace, place: str = "", report: Report = refuse
) -> None:
    """Take parsed flags; ``place`` is added to their names (`` in $GUNICORN_CMD_ARGS``)."""
    for name, value in vars(options).items():
        item = cfg.settings.get(name)
        if value is not None and item is not None:
            assign(cfg, name, value, item.flag + place, report)


def parse_variable(
    cfg: Config, environ: Mapping[str, str], variable: str
) -> argparse.Namespace | None:
    """The flags in an environment variable, split as by a shell; None when there are none.

    Raises ConfigError where the command line would end with a usage error.
    """
    text = environ.get(variable, "")
    if not text:
        return None
    import shlex  # few environments have the variable

    def error(message: str) -> NoReturn:
        raise ConfigError(f"${variable}: {message}")

    parser = cfg.parser()
    parser.error = error  # type: ignore[method-assign]
    try:
        options = parser.parse_args(shlex.split(text))
    except ValueError as unbalanced:
        raise ConfigError(f"${variable}: {unbalanced}") from unbalanced
    if options.args:
        error(f"{options.args[0]!r} is no option; only options can be given here")
    return options


# -- the configuration file ------------------------------------------------------------------------


def apply_file(cfg: Config, location: str, origin: str = "-c", report: Report = refuse) -> None:
    """Run a configuration file and take its settings.

    ``location`` is a path, ``file:PATH`` or ``python:MODULE``. Raises ConfigError when it cannot be
    read or raises; a ``SystemExit`` comes through with its status.
    """
    if location.startswith("python:"):
        module = _import_config(location.removeprefix("python:"), origin)
    else:
        module = _run_file(location.removeprefix("file:"), origin)
    cfg.assign("config", location, origin)
    path = getattr(module, "__file__", None) or location
    lines, suspects = _survey(path)
    names = {
        # `import user` is an import, not a value for the setting of that name.
        name: value
        for name, value in vars(module).items()
        if not isinstance(value, types.ModuleType)
    }

    def place(name: str) -> str:
        return f"{path}:{lines[name]}" if name in lines else path

    for name in cfg.settings:
        if name in names and name != "config":
            assign(cfg, name, names[name], place(name), report)
    for name in sorted(filter(is_foreign, names.keys() - cfg.settings.keys())):
        cfg.warnings.append(f"{name}, from {place(name)}, is not available here: it has no effect")
    # A setting that is assigned as well is not what a name of the user's own was meant to be.
    missing = [name for name in cfg.settings if name not in names]
    for name in suspects:
        hint = None
        if name not in cfg.settings and not is_foreign(name):
            hint = util.nearest(name, missing, cutoff=0.8)
        if hint:
            report(f"No setting named {name!r}, from {place(name)}. The nearest is {hint!r}")


def _run_file(path: str, origin: str) -> types.ModuleType:
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        raise ConfigError(
            f"Failed to read config file: {path}, from {origin}. {error.strerror}"
        ) from error
    module = types.ModuleType("__config__")
    module.__dict__.update(__file__=path, __doc__=None, __package__=None)
    # Where dataclasses and pickle look for the module of a class that the file defines.
    sys.modules["__config__"] = module
    with _explained(path):
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    return module


def _import_config(name: str, origin: str) -> types.ModuleType:
    import importlib.util

    # A reload reads the module again, as it reads a file again.
    sys.modules.pop(name, None)
    importlib.invalidate_caches()
    try:
        spec = importlib.util.find_spec(name) if name else None
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise ConfigError(f"Failed to read config module: {name!r}, from {origin}. Not found")
    with _explained(spec.origin or name):
        return importlib.import_module(name)


class _explained:  # noqa: N801 (reads as a statement)
    """Turn what a configuration file raises into one line with the line that raised it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: Any) -> None:
        if not isinstance(error, Exception):
            return
        line = None
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == self.path:
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        if isinstance(error, SyntaxError) and error.filename == self.path:
            line, error = error.lineno, type(error)(error.msg)
        place = f"{self.path}:{line}" if line else self.path
        raise ConfigError(f"Failed to read config file: {place}. {util.one_line(error)}") from error


def _survey(path: str) -> tuple[dict[str, int], list[str]]:
    """What a file binds at module level: the last line of each name, and the suspicious names.

    Suspicious is what is assigned and never read: a helper variable is read somewhere, a setting is
    not, and neither is a misspelled one. A leading underscore says that the name is the user's own.
    """
    import ast  # only where there is a file

    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(), path)
    except (OSError, SyntaxError, ValueError):
        return {}, []
    lines: dict[str, int] = {}
    assigned: dict[str, int] = {}
    for node in _module_level(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            assigned[node.id] = max(node.lineno, assigned.get(node.id, 0))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            lines[node.name] = max(node.lineno, lines.get(node.name, 0))
        elif isinstance(node, ast.ImportFrom):
            lines.update((alias.asname or alias.name, node.lineno) for alias in node.names)
    read = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    suspects = [name for name in assigned if name not in read and not name.startswith("_")]
    return lines | assigned, sorted(suspects, key=assigned.__getitem__)


def _module_level(tree: ast.Module) -> list[ast.AST]:
    """Every node that runs in the module's own namespace, not inside functions or classes."""
    import ast

    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.comprehension)
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, inner):
            waiting.extend(ast.iter_child_nodes(node))
    return found
