"""The verbs of ``gunicornctl`` as a table: name, function, words for people, arguments.

One row a verb, read by ``control`` (which runs it) and by ``manual`` (the page gunicornctl(8) and
the completion of the shell). A verb's module is loaded when the verb is used: units call this
command at every start, and most verbs are no business of theirs.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from gunicorn.sites.context import Context

    Verb = Callable[[Context, argparse.Namespace], int]


class Argument(NamedTuple):
    """One argument, in the words of ``argparse``."""

    name: str
    text: str
    options: dict[str, Any] = {}


class Command(NamedTuple):
    """One verb. Without ``text`` it is for units only and in no help."""

    name: str
    #: module of this package and function in it
    verb: str
    text: str | None = None
    for_root: bool = False
    arguments: tuple[Argument, ...] = ()
    #: more for the manual, paragraphs
    more: str = ""

    def load(self) -> Verb:
        """Import what carries the verb out."""
        module, function = self.verb.split(":")
        found: Verb = getattr(importlib.import_module(f"gunicorn.sites.{module}"), function)
        return found


_ONE = Argument("site", "the site", {"metavar": "SITE"})
_NEEDED = Argument("sites", "the sites", {"metavar": "SITE", "nargs": "+"})
_SOME = Argument("sites", "default: all", {"metavar": "SITE", "nargs": "*"})
_ALL = Argument("--all", "the same as no SITE", {"action": "store_true"})
_JSON = Argument("--json", "for machines", {"action": "store_true"})

COMMANDS: tuple[Command, ...] = (
    Command("list", "verbs:list_sites", "show every site, one line each", arguments=(_JSON,)),
    Command("status", "verbs:status", "show what is known of sites", arguments=(_SOME, _JSON)),
    Command(
        "check",
        "check:check",
        "check site files without touching anything",
        arguments=(
            Argument("sites", "default: all", {"metavar": "SITE|FILE", "nargs": "*"}),
            Argument("--all", "every site file", {"action": "store_true"}),
        ),
    ),
    Command(
        "show",
        "show:show",
        "show a site's keys and values; secrets of its env_file stay where they are",
        arguments=(
            _ONE,
            Argument("--origin", "with file and line of each value", {"action": "store_true"}),
            Argument("--all", "also settings that nobody gave", {"action": "store_true"}),
            _JSON,
        ),
    ),
    Command(
        "start",
        "verbs:start",
        "start sites and wait until they serve",
        for_root=True,
        arguments=(_SOME, _ALL),
    ),
    Command(
        "stop",
        "verbs:stop",
        "stop sites gracefully and wait until they are gone",
        for_root=True,
        arguments=(_SOME, _ALL),
    ),
    Command(
        "restart",
        "verbs:restart",
        "stop and start sites; listening sockets stay open",
        for_root=True,
        arguments=(_SOME, _ALL),
    ),
    Command(
        "reload",
        "verbs:reload",
        "load new code and settings; fails, and the old goes on, if it must",
        for_root=True,
        arguments=(
            _SOME,
            _ALL,
            Argument(
                "--jobs",
                "of all: how many at a time; default: the number of processors",
                {"metavar": "N", "type": int},
            ),
            Argument("--json", "of all: for machines", {"action": "store_true"}),
        ),
        more="Without SITE it is ``sync`` and then the reload of all that run, with a table of "
        "verdicts: ok, kept old (the new code was refused, the old goes on), failed. 1 when any "
        "is not ok. ``systemctl reload gunicorn`` does the same.",
    ),
    Command(
        "upgrade",
        "upgrade:upgrade",
        "move running sites to the server and the Python that are installed now",
        for_root=True,
        arguments=(_SOME,),
        more="Every site is checked before any is touched: its master tries the new program as the "
        "site's user, in its sandbox. Those that pass move without losing a request; the others "
        "stay on the process they have, and are listed. 1 when there are any. The package does "
        "this itself after it was upgraded or downgraded, and when Python was.",
    ),
    Command(
        "enable",
        "manage:enable",
        "let sites start with the system, and start them",
        for_root=True,
        arguments=(_NEEDED,),
    ),
    Command(
        "disable",
        "manage:disable",
        "stop sites and let nothing but enable start them",
        for_root=True,
        arguments=(_NEEDED,),
        more="Neither edits the site file: a file of their own in ``SITE.conf.d`` says it.",
    ),
    Command(
        "sync",
        "verbs:sync",
        "start what is new, stop what is gone; nothing else moves",
        for_root=True,
    ),
    Command(
        "reopen-logs", "verbs:reopen_logs", "let running sites reopen their logs", for_root=True
    ),
    Command(
        "run",
        "verbs:run",
        "run sites in the foreground, without systemd",
        for_root=True,
        arguments=(
            Argument(
                "sites",
                "default: all that start by themselves",
                {"metavar": "SITE", "nargs": "*"},
            ),
            Argument("--all", "all that start by themselves", {"action": "store_true"}),
        ),
    ),
    Command(
        "top",
        "top:top",
        "show what the sites do now, again and again",
        arguments=(
            _SOME,
            Argument("--once", "one table, over one interval", {"action": "store_true"}),
            Argument(
                "--interval", "seconds", {"metavar": "SECONDS", "type": float, "default": 2.0}
            ),
            _JSON,
        ),
    ),
    Command(
        "logs",
        "logs:logs",
        "show the last lines of a site's error log",
        arguments=(
            _ONE,
            Argument("--access", "of its access log", {"action": "store_true"}),
            Argument("--lines", "how many", {"metavar": "N", "type": int, "default": 30}),
            Argument("-f", "and what comes after", {"action": "store_true", "dest": "follow"}),
        ),
    ),
    Command(
        "create",
        "manage:create",
        "make a site: its system user, its directory, its file; starts nothing",
        for_root=True,
        arguments=(
            _ONE,
            Argument("--app", "module:name", {"metavar": "MODULE:NAME", "required": True}),
            Argument("--user", "default: the site's name", {"metavar": "USER"}),
            Argument("--chdir", "default: /srv/SITE", {"metavar": "DIRECTORY"}),
            Argument("--python", "virtualenv or interpreter", {"metavar": "PATH"}),
            Argument("--bind", "may be repeated", {"metavar": "ADDRESS", "action": "append"}),
        ),
    ),
    Command(
        "remove",
        "manage:remove",
        "stop a site and put its files aside",
        for_root=True,
        arguments=(
            _ONE,
            Argument("--purge", "delete its files and its logs", {"action": "store_true"}),
        ),
    ),
    Command(
        "audit",
        "audit:audit",
        "look for what the processes of sites have and should not",
        for_root=True,
        arguments=(_SOME, _JSON),
        more="Users, groups, capabilities, no-new-privileges, file creation mask, and open "
        "descriptors of files that the site's user could not have opened. 1 when there is any.",
    ),
    Command(
        "metrics",
        "metrics:metrics",
        "print the state of all sites as OpenMetrics text",
        arguments=(Argument("--output", "write it to a file, whole", {"metavar": "FILE"}),),
        more="For the textfile collector of node_exporter.",
    ),
    Command(
        "nginx",
        "nginx:nginx",
        "print an upstream and a server block that match a site",
        arguments=(
            _ONE,
            Argument("--server-name", "may be repeated", {"metavar": "NAME", "action": "append"}),
        ),
    ),
    Command(
        "convert",
        "convert:convert",
        "print the site file for an old CONFIG = {...} file, which is not executed",
        arguments=(Argument("file", "the old file", {"metavar": "FILE"}),),
    ),
    Command("prepare", "service:prepare", for_root=True, arguments=(_ONE,)),
    Command("exec", "service:execute", arguments=(_ONE,)),
    Command("refuse", "service:refuse", arguments=(_ONE,)),
    Command("reload-site", "service:reload_site", arguments=(_ONE,)),
    Command("umbrella-start", "service:umbrella_start", for_root=True),
    Command("umbrella-reload", "reload:reload_all", for_root=True),
    Command("umbrella-stop", "service:umbrella_stop", for_root=True),
)
