"""The verbs of ``gunicornctl`` for people; each gives an exit status, see ``control``.

A verb reads, asks and says; it decides nothing that the service manager decides. Before anything is
stopped the site file is read: a site that runs is not given up for one that could not start.
"""

from __future__ import annotations

import argparse
import time

from gunicorn import util
from gunicorn.sites import envfile, service, supervised, survey, talk
from gunicorn.sites import reload as reloading
from gunicorn.sites import status as records
from gunicorn.sites import sync as syncing
from gunicorn.sites.context import Context, Status
from gunicorn.sites.fleet import Broken, odd_files, read_any, site_names
from gunicorn.sites.paths import SUFFIX, UMBRELLA, name_problem, unit_of
from gunicorn.sites.talk import EndedError, NotRunningError, TalkError

#: seconds a site may take to confirm that every worker writes to the new files
_REOPEN_PATIENCE = 15.0
#: before a site that is starting or ending is asked again
_PAUSE = 0.1
#: seconds a reload may take without systemd to limit it
_RELOAD_PATIENCE = 600.0


# -- looking ---------------------------------------------------------------------------------------


def list_sites(context: Context, options: argparse.Namespace) -> int:
    """One line a site."""
    found = survey.survey(context)
    if options.json:
        context.show(records.to_json(found))
    elif found:
        context.show(records.to_table(found, context.has_colour))
    else:
        context.say(f"no sites: write {context.paths.site_file('NAME')}, see its README")
    if not options.json:
        for line in odd_files(context.paths):
            context.say(line)
    return Status.DONE


def status(context: Context, options: argparse.Namespace) -> int:
    """What is known of the named sites, or of all."""
    found = survey.survey(context, options.sites, weighs=bool(options.sites))
    missing = sorted(set(options.sites) - {one.name for one in found})
    if options.json:
        context.show(records.to_json(found))
    else:
        context.show("\n\n".join(records.to_text(one, context.has_colour) for one in found))
    if missing:
        for name in missing:
            context.say(no_site(context, name))
        return Status.NOT_ALLOWED
    if any(one.state == "failed" for one in found):
        return Status.FAILED
    idle = [one for one in found if not one.is_running and (options.sites or one.start == "auto")]
    return Status.NOT_RUNNING_STATUS if idle else Status.DONE


# -- moving ----------------------------------------------------------------------------------------


def start(context: Context, options: argparse.Namespace) -> int:
    """Start sites and wait until they serve."""
    return move(context, "start", options.sites)


def stop(context: Context, options: argparse.Namespace) -> int:
    """Stop sites and wait until they are gone."""
    return move(context, "stop", options.sites)


def restart(context: Context, options: argparse.Namespace) -> int:
    """Stop and start sites."""
    return move(context, "restart", options.sites)


def reload(context: Context, options: argparse.Namespace) -> int:
    """Let sites load new code and settings; without names all of them, after ``sync``."""
    if options.sites:
        return move(context, "reload", options.sites)
    return reloading.reload_all(context, options)


def move(context: Context, verb: str, names: list[str]) -> int:
    """Start, stop, restart or reload sites, whichever supervisor they have."""
    if verb != "stop":
        refused = refuse(context, names)
        if refused:
            return refused
    for name in names:
        # also what has no file any more can be stopped, but never "*" or another unit
        problem = name_problem(name)
        if problem:
            context.say(problem)
            return Status.NO_SITE
    verdict = _carry_out(context, verb, names)
    if verb != "stop":
        survey.say_remarks(context, names)
    return verdict


def _carry_out(context: Context, verb: str, names: list[str]) -> int:
    if context.has_systemd:
        return _by_systemd(context, verb, names) if names else _all_by_systemd(context, verb)
    if verb == "reload":
        return _reload_by_socket(context, names)
    return supervised.by_supervisor(context, verb, names)


def refuse(context: Context, names: list[str], also_disabled: bool = True) -> int:
    """Say what keeps the named sites from starting, before any of them is touched."""
    verdict = 0
    for name in names:
        entry = read_any(name, context.paths, context.rules)
        if isinstance(entry, Broken):
            exists = name_problem(name) is None and entry.path.exists()
            for line in entry.problems if exists else [no_site(context, name)]:
                context.say(line)
            verdict = Status.SITE if exists else Status.NO_SITE
        elif entry.start == "disabled" and also_disabled:
            context.say(f"{entry.place('start')}: site {name} is disabled")
            verdict = Status.FAILED
        elif secret := envfile.problem(entry, context.rules):
            context.say(secret)
            verdict = Status.SITE
    return verdict


def no_site(context: Context, name: str) -> str:
    """Say that there is no such site, and which was meant."""
    close = util.nearest(name, site_names(context.paths))
    hint = f", did you mean {close}?" if close else f": {context.paths.sites}/{name}{SUFFIX}"
    return name_problem(name) or f"there is no site {name}{hint}"


def _all_by_systemd(context: Context, verb: str) -> int:
    outcome = context.systemd.call(verb, UMBRELLA)
    if outcome.status:
        context.say(outcome.error.strip())
    if verb == "stop":
        return Status.FAILED if outcome.status else Status.DONE
    # the umbrella itself stays up when a site does not: look at them
    failed = [
        name
        for name, unit in context.systemd.units(context.systemd.wanted()).items()
        if unit.is_failing
    ]
    for name in failed:
        context.say(f"site {name}: failed: gunicornctl status {name}")
    return Status.FAILED if outcome.status or failed else Status.DONE


def _by_systemd(context: Context, verb: str, names: list[str]) -> int:
    systemd = context.systemd
    before = systemd.units(names)
    if verb == "reload":
        asleep = [name for name in names if before[name].active not in ("active", "reloading")]
        for name in asleep:
            context.say(f"site {name} is not running")
        if asleep:
            return Status.NOT_RUNNING
    elif verb != "stop" and any(one.is_stale or not one.has_dropin for one in before.values()):
        # the file is newer than its unit, which would start it as somebody else
        systemd.daemon_reload()
    if verb in ("start", "restart"):
        systemd.call("reset-failed", *map(unit_of, names))
    since = time.time()
    outcome = systemd.call(verb, "--", *map(unit_of, names))
    if not outcome.status:
        return Status.DONE
    for name, unit in systemd.units(names).items():
        refused = verb == "reload" and unit.reload_result != "success"
        if refused or unit.is_failing:
            context.say(f"site {name}: {verb} failed")
            for line in systemd.journal(name, since):
                context.say(f"  {line}")
    if not outcome.error.startswith("Job for "):
        context.say(outcome.error.strip())
    return Status.FAILED


def _reload_by_socket(context: Context, names: list[str]) -> int:
    verdict = 0
    asked = survey.questions(context, names, {"command": "reload"})
    for name, answer in talk.ask_all(asked, _RELOAD_PATIENCE).items():
        if isinstance(answer, TalkError):
            context.say(f"site {name} {answer}")
            idle = isinstance(answer, NotRunningError)
            verdict = verdict or (Status.NOT_RUNNING if idle else Status.FAILED)
        else:
            verdict = service.report_verdict(context, name, answer) or verdict
    for name in set(names) - {question.site for question in asked}:
        context.say(f"site {name} is not running")
        verdict = verdict or Status.NOT_RUNNING
    return verdict


def sync(context: Context, options: argparse.Namespace) -> int:
    """Make what runs follow the site files."""
    if context.has_systemd:
        verdict = syncing.sync(context.paths, context.systemd, context.rules, context.say)
    else:
        verdict = supervised.by_supervisor(context, "sync", [])
    survey.say_remarks(context)
    return verdict


def reopen_logs(context: Context, options: argparse.Namespace) -> int:
    """Let every running site reopen its logs, and wait until each worker has.

    logrotate calls it after renaming the files. A site that is not running has nothing to reopen,
    whatever lies where its control socket would be; one that runs and does not confirm is a
    failure, so that logrotate does not compress a file that is still written to.
    """
    silent = _reopen(context, survey.sites_with_directory(context))
    alive = survey.with_processes(context, silent)
    for name in alive:
        context.say(f"site {name} {silent[name]}; its logs were not reopened")
    return Status.FAILED if alive else Status.DONE


def _reopen(context: Context, names: list[str]) -> dict[str, str]:
    """Ask all sites, and give the reason of each that does not confirm.

    One that does not listen, but has processes, is starting or ending, or says that it is stopping:
    it may have opened the old file a moment ago, or its workers still write to it, so it is asked
    again until it answers or nothing of it is left.
    """
    silent: dict[str, str] = {}
    deadline = time.monotonic() + _REOPEN_PATIENCE
    while names:
        asked = survey.questions(context, names, {"command": "reopen"})
        absent = {}
        for name, answer in sorted(talk.ask_all(asked, _REOPEN_PATIENCE).items()):
            if isinstance(answer, (NotRunningError, EndedError)):
                absent[name] = str(answer)
            elif isinstance(answer, TalkError):
                silent[name] = str(answer)
            elif answer.get("phase") == "stopping":
                absent[name] = "is stopping"
            elif answer.get("ok") is not True:
                silent[name] = f"refused: {answer.get('error') or 'no reason'}"
        names = survey.with_processes(context, absent)
        if time.monotonic() >= deadline:
            silent.update({name: absent[name] for name in names})
            break
        if names:
            time.sleep(_PAUSE)
    return silent


def run(context: Context, options: argparse.Namespace) -> int:
    """Run sites in the foreground, with this process as their supervisor."""
    from gunicorn.sites import supervisor  # the other verbs need none of it

    refused = refuse(context, options.sites)
    if refused:
        return refused
    return supervisor.Supervisor(context, options.sites).run()
