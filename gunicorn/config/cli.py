"""The command line: an argparse parser made from the settings' declarations.

argparse finds the flags and refuses what is not one (exit status 2); the values are left to the
validators, so that a value is accepted or refused alike wherever it is written.
"""

from __future__ import annotations

import argparse

from gunicorn import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gunicorn.config.config import Config
    from gunicorn.config.setting import Setting


def make_parser(cfg: Config) -> argparse.ArgumentParser:
    """A parser of every setting that has a flag; an option not given is None.

    What is left over (APP_MODULE) is the list ``args``.
    """
    parser = argparse.ArgumentParser(prog=cfg.prog, usage=cfg.usage)
    parser.add_argument(
        "-v",
        "--version",
        action="version",
        version=f"%(prog)s (version {__version__})",
        help="show the version and leave",
    )
    parser.add_argument("args", nargs="*", help=argparse.SUPPRESS)
    for item in sorted(cfg.settings.values(), key=lambda item: (item.section, item.order)):
        add_option(parser, item)
    return parser


def add_option(parser: argparse.ArgumentParser, item: Setting) -> None:
    """Add the flags of one setting, if it has any; the help line ends with the default."""
    if not item.cli:
        return
    help_line = f"{item.short} [{item.default}]".replace("%", "%%")
    options: dict[str, Any] = {"dest": item.name, "default": None, "help": help_line}
    if item.action:
        options["action"] = item.action
    if item.const is not None:
        options["const"] = item.const
    if not str(item.action or "").startswith("store_"):
        options["type"] = type(item).type or str
        options["metavar"] = item.meta
        if item.nargs is not None:
            options["nargs"] = item.nargs
    parser.add_argument(*item.cli, **options)
