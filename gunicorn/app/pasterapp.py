"""Applications of PasteDeploy files: ``gunicorn_paster INI``, ``gunicorn --paste INI``, ``pserve``.

The file's section ``[server:main]`` is a source of settings, weaker than the configuration file;
its ``[loggers]`` configure logging; its application is loaded in the workers only, so that a reload
gives them new code. PasteDeploy itself is needed for the application alone.

``pserve`` and ``paster serve`` load the application before they call :func:`paste_server`; where
it is plain which file and application that is, the process begins again as ``gunicorn_paster``.
"""

from __future__ import annotations

import os
import sys

from gunicorn.app import base, fresh, wsgiapp
from gunicorn.config import pasteini, sources
from gunicorn.config.config import Config
from gunicorn.errors import AppImportError, ConfigError, ExitStatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any


USAGE = "%(prog)s [OPTIONS] pasteconfig.ini"

#: what ``pserve`` and ``paster serve`` take without doing anything of their own for the server
_HARMLESS_OPTIONS = {"-v", "-q", "--verbose", "--quiet"}


class PasterApplication(wsgiapp.WSGIApplication):
    """The application of the file on the command line, ``INI`` or ``INI#APP``."""

    #: the file was there at the start; that it is gone is no mistake of the command line any more
    _has_found_file = False

    def init(
        self, parser: argparse.ArgumentParser, opts: argparse.Namespace, args: list[str]
    ) -> None:
        """Take the file; usage and exit status 2 when it is not there."""
        super().init(parser, opts, [])
        if len(args) != 1:
            parser.error("No application name specified.")
        path = os.path.abspath(pasteini.split_uri(args[0])[0])
        if not self._has_found_file and not os.path.isfile(path):
            parser.error(f"Config file not found: {path}")
        self._has_found_file = True
        self.cfg.assign("paste", args[0], "the command line")


def apply_file(cfg: Config, report: sources.Report) -> None:
    """Take the settings of the file that ``paste`` names, where nothing stronger has spoken.

    Comes after the stronger sources, one of which may be where ``paste`` was set.
    """
    try:
        ini = pasteini.open_for(cfg)
        values, warnings = pasteini.read_settings(ini, cfg.settings)
    except ConfigError as error:
        report(str(error))
        return
    # Its hooks and its application may be modules beside the file.
    base.put_first([os.path.dirname(ini.path)])
    values.setdefault("default_proc_name", (ini.path, cfg.origin("paste")))
    if ini.has_loggers:
        values.setdefault("logconfig", (ini.path, f"[loggers] of {ini.path}"))
    for name, (text, origin) in values.items():
        if sources.is_weaker_than_framework(cfg.origin(name)):
            sources.assign(cfg, name, text, origin, report)
    for warning in warnings:
        cfg.warn_once(warning)


def load_app(cfg: Config) -> Any:
    """The WSGI callable of the file that ``paste`` names, made by PasteDeploy in a worker."""
    try:
        from paste.deploy import loadapp
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "paste":
            raise
        raise AppImportError(
            f"PasteDeploy is not installed for {sys.executable}: "
            "apt-get install python3-pastedeploy, or in a virtual environment: "
            "pip install PasteDeploy"
        ) from None
    path, name = pasteini.split_uri(cfg.paste)
    variables = pasteini.parse_variables(cfg.raw_paste_global_conf)
    try:
        return loadapp(f"config:{path}", name=name, global_conf=variables)
    except LookupError as error:
        # PasteDeploy's own: no such section, no such entry point. Other lookups are user code.
        if type(error) is not LookupError:
            raise
        raise AppImportError(f"No application {name!r} in {path}: {error}") from error


# -- paste.server_runner ---------------------------------------------------------------------------


class ServedApplication(base.BaseApplication):
    """An application object that a program holds already, with settings from that program."""

    def __init__(self, app: Any, settings: Mapping[str, Any]) -> None:
        self.app = app
        self.given = settings
        super().__init__(prog="gunicorn")

    def do_load_config(self) -> None:
        """Load the configuration; a mistake in it ends the process with one line."""
        try:
            self.load_default_config()
            self.load_config()
        except ConfigError as error:
            print(f"Config error: {error}", file=sys.stderr)
            sys.exit(ExitStatus.FAILURE)

    def load_config(self) -> None:
        """Take the given settings."""
        base.put_first([self.start_dir])
        for name, value in self.given.items():
            self.cfg.assign(name, value, "the arguments of the server")

    def load(self) -> Any:
        """Return the application object."""
        return self.app


def paste_server(
    app: Any,
    gcfg: Mapping[str, Any] | None = None,
    host: str = "127.0.0.1",
    port: str | int | None = None,
    *args: Any,
    **kwargs: Any,
) -> None:
    """Serve ``app``: what ``use = egg:gunicorn#main`` in a server section means.

    ``gcfg`` is PasteDeploy's global configuration; it and ``kwargs`` may hold settings, anything
    else in them is ignored. Does not return.
    """
    gcfg = dict(gcfg or {})
    ini = gcfg.get("__file__")
    if ini and is_plain_launch(os.path.abspath(ini), host, port, kwargs):
        begin_again(os.path.abspath(ini), gcfg)
    settings = server_settings(gcfg, host, port, kwargs)
    if ini:
        settings.setdefault("default_proc_name", os.path.abspath(ini))
        if os.path.isfile(ini) and pasteini.Ini(ini, {}).has_loggers:
            settings.setdefault("logconfig", os.path.abspath(ini))
        if not has_reloader():
            print(
                "Warning: a reload will restart the workers with the code that is loaded now: "
                f"for new code start with gunicorn_paster {ini}",
                file=sys.stderr,
            )
    ServedApplication(app, settings).run()


def server_settings(
    gcfg: Mapping[str, Any], host: str, port: str | int | None, kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """What the arguments of :func:`paste_server` mean as settings."""
    known = Config().settings
    given = {key.lower(): value for key, value in {**gcfg, **kwargs}.items()}
    settings = {key: value for key, value in given.items() if key in known and key != "config"}
    address = pasteini.join_address(host, str(port or ""))
    settings.setdefault("bind", [part.strip() for part in address.split(",")])
    return settings


def is_plain_launch(ini: str, host: str, port: Any, kwargs: Mapping[str, Any]) -> bool:
    """Whether this process is ``pserve INI [NAME=VALUE ...]`` and nothing beyond.

    Not so under a reloading parent, with another server or application name, or in a program that
    calls :func:`paste_server` with an application of its own.
    """
    words = sys.argv[1:]
    named = [word for word in words if not word.startswith("-") and os.path.abspath(word) == ini]
    options = {word for word in words if word.startswith("-")} - _HARMLESS_OPTIONS
    if len(named) != 1 or options or has_reloader():
        return False
    variables = {key: value for word in words for key, sign, value in [word.partition("=")] if sign}
    try:
        section = pasteini.Ini(ini, variables).server()
    except ConfigError:
        return False
    given = {"host": host, "port": port, **kwargs}
    return all(key not in given or str(given[key]) == text for key, (text, _) in section.items())


def has_reloader() -> bool:
    """Whether ``pserve --reload`` watches this process, and starts another for new code."""
    hupper = sys.modules.get("hupper")
    return bool(hupper is not None and hupper.is_active())


def begin_again(ini: str, gcfg: Mapping[str, Any]) -> None:
    """Become ``gunicorn_paster INI`` with the variables that were given beside the file."""
    in_file = pasteini.Ini(ini, {}).defaults()
    variables = [
        f"--paste-global={key}={value}"
        for key, value in gcfg.items()
        if key not in ("here", "__file__") and in_file.get(key, (None, ""))[0] != value
    ]
    fresh.replace_process("gunicorn.app.pasterapp", "gunicorn_paster", [ini, *variables])


def run(prog: str | None = None) -> None:
    """Serve the application of a PasteDeploy file; ``prog`` is the name to go by."""
    PasterApplication(USAGE, prog=prog).run()


if __name__ == "__main__":
    run()
