"""The application of a site: its configuration is its site file, and a reload reads that again.

Runs as the site's user. Weakest first: built-in defaults, the places a site has by convention, the
site's Python file (``config``), the site file, and what a site cannot choose. The environment says
nothing here: ``PORT`` in a site's ``[env]`` is a variable of the application.
"""

from __future__ import annotations

import os
import sys

from gunicorn import util
from gunicorn.app import base, djangoapp, pasterapp
from gunicorn.config import sources
from gunicorn.config.config import Config
from gunicorn.errors import ConfigError, ExitStatus
from gunicorn.sites import account as accounts
from gunicorn.sites.paths import Paths
from gunicorn.sites.site import Site, read_site
from gunicorn.sites.trust import ROOT_ONLY, Rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CONVENTION = "the conventions of a site"


class SiteApplication(base.Application):
    """The WSGI callable of the site ``name``, with the configuration to serve it by."""

    site: Site

    def __init__(
        self,
        name: str,
        paths: Paths | None = None,
        rules: Rules = ROOT_ONLY,
        only_checks: bool = False,
    ) -> None:
        self.name = name
        self.only_checks = only_checks
        self.paths = paths or Paths()
        self.rules = rules
        super().__init__(prog="gunicorn")

    def do_load_config(self) -> None:
        """Load the configuration; a mistake ends the process with the status of a wrong site."""
        try:
            self.load_default_config()
            self.load_config()
        except ConfigError as error:
            base.complain(error)
            sys.exit(ExitStatus.SITE)
        base.warn_of_certificate(self.cfg)
        for warning in self.cfg.warnings:
            print(f"Warning: {warning}", file=sys.stderr)

    def load_default_config(self) -> None:
        """Begin with the built-in defaults alone."""
        self.cfg = Config(self.usage, prog=self.prog)

    def load_config(self) -> None:
        """Apply conventions, the Python file and the site file; the strongest last."""
        site = read_site(self.name, self.paths, self.rules)
        self._check_user(site)
        cfg = self.cfg
        for name, value in self._conventions(site).items():
            cfg.assign(name, value, _CONVENTION)
        if site.mode == "paster":
            cfg.assign("paste", site.app, site.place("app"))
            pasterapp.apply_file(cfg, sources.refuse)
        if site.config is not None:
            self.load_config_from_file(site.config, site.place("config"))
        for name, value in site.settings.items():
            cfg.assign(name, value, site.place(name))
        for name, value in self._fixed(site).items():
            cfg.assign(name, value, site.place(name))
        self.site = site

    def load(self) -> Any:
        """Import the application."""
        if self.site.mode == "django":
            os.environ[djangoapp.VARIABLE] = self.site.app
            return djangoapp.load_project(self.site.app, self.site.place("app"))
        if self.site.mode == "paster":
            return pasterapp.load_app(self.cfg)
        return util.import_app(self.site.app)

    def _conventions(self, site: Site) -> dict[str, Any]:
        """Give the settings that differ from the server's defaults because this is a site."""
        paths = self.paths
        return {
            "bind": [f"unix:{paths.socket(site.name)}"],
            "errorlog": str(paths.errorlog(site.name)),
            "accesslog": str(paths.accesslog(site.name)),
            "default_proc_name": site.name,
        }

    def _fixed(self, site: Site) -> dict[str, Any]:
        """Give the settings that no file of the site's decides."""
        fixed: dict[str, Any] = {
            "pidfile": str(self.paths.pidfile(site.name)),
            "control_socket": str(self.paths.control(site.name)),
            "daemon": False,
            "check_config": self.only_checks,
            # we are that user already; a name would be looked up and switched to again
            "user": os.geteuid(),
            "group": os.getegid(),
            # the mode of a Unix socket is what the mask leaves of 0777 when it is bound
            "umask": 0o777 & ~site.socket_mode,
            # again, beside the environment we were started with: so that a reload brings new values
            "raw_env": dict(site.env),
        }
        if site.chdir is not None:
            fixed["chdir"] = site.chdir
        return fixed

    def _check_user(self, site: Site) -> None:
        """Refuse to start as somebody else than the file says; a reload stays who it is."""
        wanted = accounts.account_of(site)
        here = (os.geteuid(), os.getegid())
        if here == (wanted.uid, wanted.gid):
            return
        if not hasattr(self, "site"):
            raise ConfigError(
                f"{site.place('user')}: the site runs as {site.user}, not as uid {here[0]}, "
                f"gid {here[1]}: gunicornctl start {site.name}"
            )
        self.cfg.warnings.append(
            f"{site.place('user')}: the new user takes effect with: gunicornctl restart {site.name}"
        )
