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
    parser.add_argument("--json", action="store_true", help="with --print-config: as JSON")
    parser.add_argument("args", nargs="*", help=argparse.SUPPRESS)
    groups: dict[str, argparse._ArgumentGroup] = {}
    for item in cfg.settings.values():
        if item.cli:
            group = groups.get(item.section) or parser.add_argument_group(item.section)
            groups[item.section] = group
            add_option(group, item)
    return parser


def add_option(parser: argparse._ActionsContainer, item: Setting) -> None:
    """Add the flags of one setting; the help line ends with the default."""
    # Literals stand in double backquotes in the manual text, which a terminal shows as they are.
    help_line = f"{item.short} [{item.shown_default}]".replace("``", "").replace("%", "%%")
    options: dict[str, Any] = {"dest": item.name, "default": None, "help": help_line}
    if item.action == "switch":
        options["action"] = argparse.BooleanOptionalAction
    elif item.action:
        options["action"] = item.action
    if item.const is not None:
        options["const"] = item.const
    if item.takes_value:
        options["type"] = type(item).type or str
        options["metavar"] = item.meta
        if item.nargs is not None:
            options["nargs"] = item.nargs
    parser.add_argument(*(item.cli or ()), **options)
