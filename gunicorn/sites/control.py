"""``gunicornctl``: the administrator's command. Argument parsing, and which verb is which function.

One supervisor whichever door is used: where systemd runs, the verbs go through ``systemctl`` so
that unit states stay true; elsewhere they go to ``gunicornctl run`` over its socket. The verbs are
in ``verbs`` (people's), ``sync`` and ``service`` (the units').

Exit statuses, after the LSB where it has one:

======  ===================================================================================
0       done; for ``status``: running
1       failed, the reason is on standard error; for ``status``: a site has failed
2       the command line cannot be understood
3       for ``status``: not running
4       only root may do this; for ``status``: there is no such site
5       there is no such site
7       the site is not running, so it cannot be reloaded
78      a site file is wrong; its ``file:line: reason`` is on standard error
======  ===================================================================================
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from gunicorn import __version__
from gunicorn.errors import ConfigError
from gunicorn.sites import service, verbs
from gunicorn.sites.context import Context, Status
from gunicorn.sites.site import SiteError

Verb = Callable[[Context, argparse.Namespace], int]

_EPILOG = """\
exit status: 0 done (status: running); 1 failed (status: a site has failed); 2 usage; 3 status:
not running; 4 only root may (status: no such site); 5 no such site; 7 not running; 78 a site file
is wrong.

Site files: /etc/gunicorn.d/SITE.conf, see /etc/gunicorn.d/README. Defaults of all sites:
/etc/gunicorn/defaults.conf. Where systemd runs, start, stop, restart and reload are systemctl's
own of gunicorn@SITE.service, and without SITE of gunicorn.service; elsewhere they go to
gunicornctl run.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``gunicornctl`` and give its exit status; the entry point of the command."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if getattr(options, "all", False) and options.sites:
        parser.error("either --all or SITE")
    verb: Verb = options.verb
    context = Context()
    try:
        if options.for_root and os.geteuid() != 0:
            context.say(f"only root may {options.command}: sudo gunicornctl {options.command} ...")
            return Status.NOT_ALLOWED
        return int(verb(context, options))
    except SiteError as error:
        for line in error.problems:
            context.say(line)
        return Status.SITE
    except ConfigError as error:
        context.say(str(error))
        return Status.FAILED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader of a table has seen enough; nothing more is to be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def make_parser() -> argparse.ArgumentParser:
    """Make the command line; the manual page is made from it as well."""
    parser = argparse.ArgumentParser(
        prog="gunicornctl",
        description="Run the sites of /etc/gunicorn.d.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-v", "--version", action="version", version=f"gunicornctl (version {__version__})"
    )
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, title="commands"
    )
    _add_peoples(commands)
    _add_units(commands)
    return parser


def _add_peoples(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs for people, in the order of the help."""
    one = _add(commands, "list", verbs.list_sites, "show every site, one line each")
    one.add_argument("--json", action="store_true", help="for machines")
    one = _add(commands, "status", verbs.status, "show what is known of sites")
    one.add_argument("sites", metavar="SITE", nargs="*", help="default: all")
    one.add_argument("--json", action="store_true", help="for machines")
    one = _add(commands, "check", verbs.check, "check site files without touching anything")
    one.add_argument("sites", metavar="SITE|FILE", nargs="*", help="default: all")
    one.add_argument("--all", action="store_true", help="every site file")
    for name, function, text in (
        ("start", verbs.start, "start sites and wait until they serve"),
        ("stop", verbs.stop, "stop sites gracefully and wait until they are gone"),
        ("restart", verbs.restart, "stop and start sites; listening sockets stay open"),
        (
            "reload",
            verbs.reload,
            "load new code and settings; fails, and the old goes on, if it must",
        ),
    ):
        one = _add(commands, name, function, text, for_root=True)
        one.add_argument("sites", metavar="SITE", nargs="*", help="default: all")
        one.add_argument("--all", action="store_true", help="the same as no SITE")
    _add(
        commands,
        "sync",
        verbs.sync,
        "start what is new, stop what is gone; nothing else moves",
        for_root=True,
    )
    _add(
        commands,
        "reopen-logs",
        verbs.reopen_logs,
        "let running sites reopen their logs",
        for_root=True,
    )
    one = _add(
        commands, "run", verbs.run, "run sites in the foreground, without systemd", for_root=True
    )
    one.add_argument(
        "sites", metavar="SITE", nargs="*", help="default: all that start by themselves"
    )
    one.add_argument("--all", action="store_true", help="all that start by themselves")


def _add_units(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs that only units use; they are not in the help."""
    for name, function, for_root in (
        ("prepare", service.prepare, True),
        ("exec", service.execute, False),
        ("refuse", service.refuse, False),
        ("reload-site", service.reload_site, False),
    ):
        one = _add(commands, name, function, None, for_root=for_root)
        one.add_argument("site", metavar="SITE")
    _add(commands, "umbrella-start", service.umbrella_start, None, for_root=True)
    _add(commands, "umbrella-stop", service.umbrella_stop, None, for_root=True)


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    verb: Verb,
    text: str | None,
    for_root: bool = False,
) -> argparse.ArgumentParser:
    if text is None:
        added = commands.add_parser(name, allow_abbrev=False)
    else:
        added = commands.add_parser(name, help=text, description=text + ".", allow_abbrev=False)
    added.set_defaults(verb=verb, for_root=for_root)
    return added


if __name__ == "__main__":
    sys.exit(main())
