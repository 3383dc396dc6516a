"""The ``gunicorn_django`` command: ``gunicorn_django [OPTIONS] [SETTINGS_PATH]``.

The project is found from its settings module; what is served is what ``manage.py runserver`` would
serve, the project's ``WSGI_APPLICATION`` where it has one. Django is imported in the workers only,
so that a reload gives them the project's new code.
"""

from __future__ import annotations

import os
import sys

from gunicorn import util
from gunicorn.app import base
from gunicorn.errors import AppImportError, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

USAGE = "%(prog)s [OPTIONS] [SETTINGS_PATH]"

VARIABLE = "DJANGO_SETTINGS_MODULE"


class DjangoApplication(base.Application):
    """A Django project."""

    #: what SETTINGS_PATH leads to, if it was given
    settings_module: str | None

    def init(
        self, parser: argparse.ArgumentParser, opts: argparse.Namespace, args: list[str]
    ) -> None:
        """Resolve SETTINGS_PATH: the import path of a module, or a file or directory."""
        self.settings_module = None
        if len(args) > 1:
            self.cfg.warnings.append(f"Only the first argument is used, not {' '.join(args[1:])}")
        if args:
            self.settings_module = resolve(args[0])
            if self.settings_module is None:
                where = os.path.abspath(args[0])
                raise ConfigError(
                    f"django project not found: no settings.py in {where} or below it"
                )

    def load_config(self) -> None:
        """Load all sources; SETTINGS_PATH is stronger than ``--settings``."""
        super().load_config()
        cfg = self.cfg
        if self.settings_module is not None:
            cfg.assign("django_settings", self.settings_module, "SETTINGS_PATH")
        name = cfg.settings["default_proc_name"]
        if name.is_default and cfg.django_settings:
            name.set(cfg.django_settings, cfg.origin("django_settings"))

    def load(self) -> Any:
        """Import the project, in a worker."""
        name = os.environ.get(VARIABLE)
        origin = f"${VARIABLE}"
        if self.cfg.django_settings:
            name, origin = self.cfg.django_settings, self.cfg.origin("django_settings")
        if not name:
            here = os.getcwd()
            name, origin = find_project(here), here
            if name is None:
                raise AppImportError(
                    f"django project not found: no settings.py in {here} or below it, "
                    f"no --settings and no {VARIABLE}"
                )
        os.environ[VARIABLE] = name
        return load_project(name, origin)


def resolve(text: str) -> str | None:
    """The settings module that SETTINGS_PATH names, its project on the Python path, or None."""
    if "." in text and not os.path.exists(text):
        return text
    if os.path.isfile(text):
        return enter_project(os.path.abspath(text))
    return find_project(os.path.abspath(text))


def find_project(directory: str) -> str | None:
    """The settings module in ``directory`` or, by name, in the first one below that has it."""
    try:
        below = sorted(entry.path for entry in os.scandir(directory) if entry.is_dir())
    except OSError:
        return None
    for candidate in (directory, *below):
        for name in ("settings.py", "settings.pyc"):
            path = os.path.join(candidate, name)
            if os.path.isfile(path):
                return enter_project(path)
    return None


def enter_project(settings_path: str) -> str:
    """Put the project and its parent on the Python path; the import path of its settings."""
    project = os.path.dirname(settings_path)
    stem = os.path.splitext(os.path.basename(settings_path))[0]
    base.put_first([project, os.path.dirname(project)])
    package = os.path.basename(project)
    return f"{package}.{stem}" if package.isidentifier() else stem


def load_project(settings_module: str, origin: str) -> Any:
    """The project's WSGI callable, its models and URLs imported and checked.

    Raises AppImportError with one line when Django or the settings module is missing, or when
    Django's system checks find errors; what the project's own code raises is let through.
    """
    try:
        from django.core import checks
        from django.core.servers.basehttp import get_internal_wsgi_application
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "django":
            raise
        raise AppImportError(
            f"Django is not installed for {sys.executable}: apt-get install python3-django, "
            "or in a virtual environment: pip install django"
        ) from None
    try:
        app = get_internal_wsgi_application()
    except ModuleNotFoundError as error:
        # Missing is what we were told to import; anything else is an import inside the project.
        if not f"{settings_module}.".startswith(f"{error.name}."):
            raise
        raise AppImportError(
            f"No settings module {settings_module!r}, from {origin}: {util.one_line(error)}"
        ) from None
    serious = [
        f"{problem.obj or ''} {problem.msg} ({problem.id})".strip()
        for problem in checks.run_checks()
        if problem.is_serious() and not problem.is_silenced()
    ]
    if serious:
        text = "; ".join(" ".join(problem.split()) for problem in serious)
        raise AppImportError(f"Django's system checks found errors: {text}")
    return app


def run(prog: str | None = None) -> None:
    """Serve a Django project; ``prog`` is the name to go by."""
    DjangoApplication(USAGE, prog=prog).run()


if __name__ == "__main__":
    run()
