"""``manage.py run_gunicorn [OPTIONS] [PORT | ADDR:PORT | unix:PATH]``.

The options are those of the server, except the ones that Django has itself. They are parsed once,
by Django, and become the command line of ``gunicorn_django`` in a fresh interpreter (see
``gunicorn.app.fresh``): so they beat the configuration file, and a reload gives new code.
"""

from __future__ import annotations

import os

from django.core.management.base import BaseCommand, CommandError

from gunicorn.app import djangoapp, fresh
from gunicorn.config import cli
from gunicorn.config.config import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from gunicorn.config.setting import Setting

#: settings that Django's own ``--settings`` and ``--pythonpath`` stand for
DJANGO_S = ("django_settings", "pythonpath")


class Command(BaseCommand):  # type: ignore[misc]  # Django has no types
    """Serve the project of this ``manage.py``."""

    help = "Serve this project with gunicorn, on 127.0.0.1:8000 unless told otherwise."
    # The workers check what they load; here it would only be done twice.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the address and every setting that has a flag."""
        parser.add_argument(
            "address",
            nargs="*",
            metavar="PORT | ADDR:PORT | unix:PATH",
            help="where to listen, instead of --bind",
        )
        parser.add_argument(
            "--adminmedia", metavar="DIR", help="has no effect: Django serves these files itself"
        )
        group = parser.add_argument_group("server")
        for item in settings():
            cli.add_option(group, item)

    def handle(self, *args: Any, **options: Any) -> None:
        """Begin again as the server."""
        addresses = [*args, *options.get("address", ())]
        if len(addresses) > 1:
            raise CommandError("Usage is run_gunicorn [OPTIONS] [PORT | ADDR:PORT | unix:PATH]")
        module = os.environ.get(djangoapp.VARIABLE)
        if not module:
            raise CommandError(f"run_gunicorn needs a settings module: set {djangoapp.VARIABLE}")
        if options.get("adminmedia"):
            self.stderr.write("Warning: --adminmedia has no effect")
        if addresses:
            options["bind"] = [whole_address(addresses[0])]
        flags = [flag for item in settings() for flag in flags_of(item, options.get(item.name))]
        flags.append(f"--settings={module}")
        fresh.replace_process("gunicorn.app.djangoapp", "run_gunicorn", flags)


def settings() -> list[Setting]:
    """The settings that are options of the command."""
    return [item for item in Config().settings.values() if item.cli and item.name not in DJANGO_S]


def whole_address(text: str) -> str:
    """The address as ``--bind`` takes it; a port alone is one of this machine only."""
    return f"127.0.0.1:{text}" if text.isascii() and text.isdigit() else text


def flags_of(item: Setting, value: Any) -> list[str]:
    """The words that give ``item`` its ``value``; none for None.

    Raises CommandError for a value that the command line cannot express.
    """
    if value is None:
        return []
    if not item.takes_value:
        wanted = item.const if item.action == "store_const" else item.action != "store_false"
        if value == wanted:
            return [item.flag]
        if item.action == "switch":
            return [f"--no-{item.flag.removeprefix('--')}"]
        if value == item.default:
            return []
        raise CommandError(f"{item.name}: {value!r} has no option; write it to a file")
    values = value if isinstance(value, (list, tuple)) else [value]
    return [f"{item.flag}={text}" for text in values]
