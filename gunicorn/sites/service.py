"""The verbs that units call: ``prepare``, ``exec``, ``refuse``, ``reload-site`` and the umbrella's.

Their words end in the unit's journal, so that ``systemctl status`` answers the administrator's next
question; the reason of a refusal is also sent as the unit's status text, which stays when the
journal has moved on.
"""

from __future__ import annotations

import argparse
import os

from gunicorn.errors import ConfigError
from gunicorn.sites import account as accounts
from gunicorn.sites import envfile, sync, talk
from gunicorn.sites import execute as execution
from gunicorn.sites import prepare as preparation
from gunicorn.sites.context import Context, Status
from gunicorn.sites.site import SiteError, read_site
from gunicorn.system.notify import sd_notify

#: seconds; the unit's own TimeoutStartSec= ends a reload that takes longer
_RELOAD_PATIENCE = 3600.0


def prepare(context: Context, options: argparse.Namespace) -> int:
    """``ExecStartPre=+``: as root, make the directories of a site.

    A wrong site file is not this command's to refuse: systemd tries a unit again whose preparation
    failed, whatever the exit status, and leaves it alone only when the main process says 78. So it
    succeeds, having done nothing, and ``exec`` finds the same reason and says it.
    """
    try:
        site = read_site(options.site, context.paths, context.rules)
        account = accounts.account_of(site)
    except SiteError:
        return Status.DONE
    try:
        preparation.prepare_site(site.name, account, context.paths)
    except (ConfigError, OSError) as error:
        context.say(f"site {site.name}: its directories cannot be made: {error}")
        return Status.FAILED
    return Status.DONE


def execute(context: Context, options: argparse.Namespace) -> int:
    """``ExecStart=``: as the site's user, become the site's master."""
    try:
        execution.execute(options.site, context.paths, context.rules)
    except SiteError as error:
        return _complain(context, error.problems)
    except OSError as error:
        return _complain(context, [f"site {options.site}: cannot be started: {error}"])
    return Status.FAILED


def refuse(context: Context, options: argparse.Namespace) -> int:
    """``ExecStart=+`` of a site whose file was wrong when its unit was made: say what is now."""
    try:
        site = read_site(options.site, context.paths, context.rules)
        accounts.account_of(site)
    except SiteError as error:
        return _complain(context, error.problems)
    secret = envfile.problem(site, context.rules)
    if secret:
        return _complain(context, [secret])
    return _complain(context, [f"{site.path} is right now, its unit is older: gunicornctl sync"])


def reload_site(context: Context, options: argparse.Namespace) -> int:
    """``ExecReload=``: as the site's user, ask the master to reload and wait for its verdict."""
    path = str(context.paths.control(options.site))
    try:
        answer = talk.ask(path, {"command": "reload"}, _RELOAD_PATIENCE)
    except talk.TalkError as error:
        context.say(f"site {options.site}: {error}")
        return Status.FAILED
    verdict = report_verdict(context, options.site, answer)
    if verdict == Status.DONE:
        from gunicorn.sites import remarks  # the other verbs of units have no use for it

        site = read_site(options.site, context.paths, context.rules)
        for line in remarks.of_site(site, context.paths, int(os.environ.get("MAINPID", 0))):
            context.say(line)
    return verdict


def report_verdict(context: Context, name: str, answer: dict[str, object]) -> int:
    """Say how a reload went."""
    if answer.get("ok") is True:
        context.show(f"site {name}: generation {answer.get('generation')} serves")
        return Status.DONE
    context.say(
        f"site {name}: reload refused, the old code goes on: {answer.get('error') or 'no reason'}"
    )
    traceback = answer.get("traceback")
    if isinstance(traceback, str):
        # the last lines name the error; all of it is in the error log
        for line in traceback.rstrip().splitlines()[-12:]:
            context.say(f"  {line}")
    return Status.FAILED


def umbrella_start(context: Context, options: argparse.Namespace) -> int:
    """``ExecStart=`` of the umbrella."""
    return sync.umbrella_start(context.systemd, context.say)


def umbrella_stop(context: Context, options: argparse.Namespace) -> int:
    """``ExecStop=`` of the umbrella."""
    return sync.umbrella_stop(context.systemd)


def _complain(context: Context, problems: list[str]) -> int:
    for line in problems:
        context.say(line)
    # only under systemd, which gives the variable; never raises
    if "NOTIFY_SOCKET" in os.environ:
        sd_notify(f"STATUS={problems[0]}")
    return Status.SITE
