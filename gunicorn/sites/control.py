"""``gunicornctl``: the administrator's command: arguments, the right to use it, exit statuses.

One supervisor whichever door is used: where systemd runs, the verbs go through ``systemctl`` so
that unit states stay true; elsewhere they go to ``gunicornctl run`` over its socket. The table of
the verbs is ``commands``.

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
from collections.abc import Sequence

from gunicorn import __version__
from gunicorn.errors import ConfigError
from gunicorn.sites.commands import COMMANDS, Command
from gunicorn.sites.context import Context, Status
from gunicorn.sites.site import SiteError

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
    if getattr(options, "all", False) and getattr(options, "sites", None):
        parser.error("either --all or SITE")
    row: Command = options.row
    context = Context()
    try:
        if row.for_root and os.geteuid() != 0:
            context.say(f"only root may {options.command}: sudo gunicornctl {options.command} ...")
            return Status.NOT_ALLOWED
        status = int(row.load()(context, options))
        # here, where a reader that has gone is expected, and not at exit
        sys.stdout.flush()
        return status
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
    added = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, title="commands"
    )
    for row in COMMANDS:
        if row.text is None:
            one = added.add_parser(row.name, allow_abbrev=False)  # in no list of commands
        else:
            one = added.add_parser(
                row.name, help=row.text, description=row.text + ".", allow_abbrev=False
            )
        for argument in row.arguments:
            one.add_argument(argument.name, help=argument.text, **argument.options)
        one.set_defaults(row=row)
    return parser


if __name__ == "__main__":
    sys.exit(main())
