"""The ``gunicorn`` command: ``gunicorn [OPTIONS] APP_MODULE``."""

from __future__ import annotations

import gc
import os
import sys

from gunicorn import __version__, util
from gunicorn.app import base
from gunicorn.config import quick

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

USAGE = "%(prog)s [OPTIONS] APP_MODULE"


class WSGIApplication(base.Application):
    """The application that APP_MODULE names, see :func:`gunicorn.util.import_app`."""

    _positional: list[str]
    _parser: argparse.ArgumentParser

    def parser(self) -> argparse.ArgumentParser:
        """The settings, and ``--site``, which :func:`run` has seen to where it stands alone."""
        parser = super().parser()
        parser.add_argument("--site", metavar="NAME", help="serve a site of /etc/gunicorn.d")
        return parser

    def parse_command_line(self) -> tuple[Any, Any]:
        """The same, without the cost of argparse where nothing is unclear."""
        if type(self).parser is WSGIApplication.parser:
            options = quick.parse(self.cfg.settings, sys.argv[1:], json=False, site=None)
            if options is not None:
                return quick.LateParser(self.parser), options
        return super().parse_command_line()

    def init(
        self, parser: argparse.ArgumentParser, opts: argparse.Namespace, args: list[str]
    ) -> None:
        """Look at what is no option; usage and exit status 2 when it is more than APP_MODULE."""
        if opts.site is not None:
            parser.error("--site NAME stands alone: the site file holds the settings")
        if len(args) > 1:
            parser.error(f"One application module, not {len(args)}: {' '.join(args)}")
        self._positional = args
        self._parser = parser

    def load_config(self) -> None:
        """Load all sources; APP_MODULE, else ``wsgi_app`` or ``paste``, says what to serve.

        To print the configuration none is needed.
        """
        super().load_config()
        cfg = self.cfg
        if self._positional:
            cfg.assign("wsgi_app", self._positional[0], "APP_MODULE")
        if cfg.paste:
            self._take_paste_file()
        elif not cfg.wsgi_app and not cfg.print_config:
            # Without an application module, what else is wrong is the smaller mistake.
            self._parser.error("No application module specified.")
        name = cfg.settings["default_proc_name"]
        if cfg.wsgi_app and name.is_default:
            name.set(cfg.wsgi_app, cfg.origin("wsgi_app"))

    def _take_paste_file(self) -> None:
        from gunicorn.app import pasterapp  # with its reader of INI files: not for everybody

        cfg = self.cfg
        if cfg.wsgi_app:
            self.report(
                f"Two applications: paste, from {cfg.origin('paste')}, "
                f"and wsgi_app, from {cfg.origin('wsgi_app')}"
            )
        pasterapp.apply_file(cfg, self.report)

    @property
    def app_uri(self) -> str:
        """What to serve: a PasteDeploy file, or text for :func:`gunicorn.util.import_app`."""
        return self.cfg.paste or self.cfg.wsgi_app or ""

    def load(self) -> Any:
        """Import the application."""
        if self.cfg.paste:
            from gunicorn.app import pasterapp

            return pasterapp.load_app(self.cfg)
        return util.import_app(self.app_uri)


def run(prog: str | None = None) -> None:
    """Serve APP_MODULE, or with ``--site NAME`` a site of ``/etc/gunicorn.d``.

    ``prog`` is the name to go by; without it the one the command was called by.
    """
    name = prog or os.path.basename(sys.argv[0])
    match sys.argv[1:]:
        # What machines ask most often is answered without argparse.
        case ["-v" | "--version"]:
            print(f"{name} (version {__version__})")
        # The site file holds all its settings, so the option stands alone.
        case ["--site", site]:
            from gunicorn.app.siteapp import SiteApplication  # the init layer is not for everybody

            serve(lambda: SiteApplication(site))
        # What the site's master asks of the program on disk before it makes way for it.
        case ["--site", site, "--check-config"]:
            from gunicorn.app.siteapp import SiteApplication

            serve(lambda: SiteApplication(site, only_checks=True))
        case _:
            serve(lambda: WSGIApplication(USAGE, prog=name))


def serve(make: Callable[[], base.BaseApplication]) -> None:
    """Make an application and run it, without garbage collection until the master begins.

    Next to nothing that a start makes is garbage, and looking for it costs a tenth of the start.
    """
    if not gc.isenabled():
        make().run()
        return
    gc.disable()
    try:
        application = make()
        application.has_paused_gc = True
        application.run()
    finally:
        gc.enable()


if __name__ == "__main__":
    run()
