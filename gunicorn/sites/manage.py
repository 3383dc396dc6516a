"""The verbs that write: ``enable``, ``disable``, ``create`` and ``remove``.

A file the administrator wrote is never edited: ``enable`` and ``disable`` use one drop-in of their
own, ``create`` refuses where something exists, ``remove`` puts files aside under a name that is
passed over unless it is told to purge. What is written is written whole or not at all.
"""

from __future__ import annotations

import argparse
import grp
import os
import pwd
import shutil
from pathlib import Path

from gunicorn.errors import ConfigError
from gunicorn.sites import keys, site, supervised, survey, verbs
from gunicorn.sites.check import look_around, read_with_account
from gunicorn.sites.context import Context, Status
from gunicorn.sites.fleet import Broken, read_any
from gunicorn.sites.paths import name_problem, unit_of
from gunicorn.sites.show import literal
from gunicorn.sites.site import SiteError

#: the drop-in of enable and disable; late by name, so that it wins over an administrator's own
STARTS = "99-start.conf"
_HEAD = "# Written by gunicornctl {verb}; remove it to leave the matter to the site file.\n"


def enable(context: Context, options: argparse.Namespace) -> int:
    """Let sites start with the system, and start them."""
    return _set_start(context, "enable", options.sites)


def disable(context: Context, options: argparse.Namespace) -> int:
    """Stop sites and keep them from starting by any hand but ``enable``."""
    return _set_start(context, "disable", options.sites)


def _set_start(context: Context, verb: str, names: list[str]) -> int:
    refused = verbs.refuse(context, names, also_disabled=False)
    if refused and not (verb == "disable" and refused == Status.SITE):
        return refused
    wanted = "auto" if verb == "enable" else "disabled"
    for name in names:
        path = context.paths.dropins(name) / STARTS
        path.unlink(missing_ok=True)
        entry = read_any(name, context.paths, context.rules)
        if isinstance(entry, Broken) or entry.start != wanted:
            make_directory(path.parent, 0o755)
            write_whole(path, _HEAD.format(verb=verb) + f'start = "{wanted}"\n', 0o644)
        elif not any(path.parent.iterdir() if path.parent.is_dir() else ()):
            shutil.rmtree(path.parent, ignore_errors=True)
        context.show(f"site {name}: {verb}d")
    if context.has_systemd:
        context.systemd.daemon_reload()
        if verb == "disable":
            outcome = context.systemd.call("stop", *map(unit_of, names))
            context.systemd.call("reset-failed", *map(unit_of, names))
            return Status.FAILED if outcome.status else Status.DONE
        return verbs.move(context, "start", names)
    return _by_supervisor(context)


def _by_supervisor(context: Context) -> int:
    """Let ``gunicornctl run`` follow the files, if it runs."""
    if not context.paths.supervisor.exists():
        return Status.DONE
    return supervised.by_supervisor(context, "sync", [])


# -- create ----------------------------------------------------------------------------------------


def create(context: Context, options: argparse.Namespace) -> int:
    """Make a site: its system user, its directory, its file. Starts nothing."""
    name = options.site
    problem = name_problem(name)
    path = context.paths.site_file(name)
    if problem or os.path.lexists(path):
        context.say(problem or f"{path} exists already")
        return Status.FAILED
    user = options.user or name
    chdir = options.chdir or f"/srv/{name}"
    text = site_text(name, options.app, user, chdir, options.python, options.bind)
    try:
        site.parse_site(name, path, text.encode(), site.read_defaults(context.paths, context.rules))
    except SiteError as error:
        for line in error.problems:
            context.say(line)
        return Status.SITE
    if not _has_user(user):
        command = ["adduser", "--system", "--group", "--quiet", "--no-create-home", "--home"]
        outcome = context.run([*command, chdir, user])
        if outcome.status:
            context.say(outcome.error.strip() or f"adduser ended with {outcome.status}")
            return Status.FAILED
        context.show(f"made the system user {user}")
    directory = Path(chdir)
    if not directory.exists():
        make_directory(directory, 0o750)
        # root's code, which the site can read and not change
        os.chown(directory, 0, _group_of(user))
        context.show(f"made {directory}, to be read by {user}: put the application there")
    write_whole(path, text, 0o640, _group_of(user))
    context.show(f"wrote {path}")
    for line in look_around(context, *read_with_account(context, name)):
        context.say(line)
    context.show(f"then: gunicornctl check {name} && gunicornctl sync")
    return Status.DONE


def site_text(
    name: str, app: str, user: str, chdir: str, python: str | None, bind: list[str] | None
) -> str:
    """Write a site file with these keys."""
    rows = [("app", app), ("user", user), ("chdir", chdir), ("python", python)]
    lines = [f"{key} = {literal(value)}" for key, value in rows if value is not None]
    if bind:
        lines.append(f"bind = {literal(bind if len(bind) > 1 else bind[0])}")
    return f"# The site {name}; see gunicornctl(8).\n" + "\n".join(lines) + "\n"


def _has_user(name: str) -> bool:
    try:
        keys.check_account(name)
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _group_of(user: str) -> int:
    try:
        return grp.getgrnam(user).gr_gid
    except KeyError:
        return pwd.getpwnam(user).pw_gid


# -- remove ----------------------------------------------------------------------------------------


def remove(context: Context, options: argparse.Namespace) -> int:
    """Stop a site and put its files aside; with ``--purge`` delete them and its logs."""
    name = options.site
    problem = name_problem(name)
    path = context.paths.site_file(name)
    if problem or not (os.path.lexists(path) or survey.survey(context, [name])):
        context.say(problem or verbs.no_site(context, name))
        return Status.NO_SITE
    entry = read_any(name, context.paths, context.rules)
    for place in (path, context.paths.dropins(name)):
        if not os.path.lexists(place):
            continue
        if options.purge:
            _delete(place)
            context.show(f"deleted {place}")
        else:
            aside = place.with_name(place.name + ".bak")
            _delete(aside)
            place.rename(aside)
            context.show(f"put aside {aside}")
    verdict = _let_go(context, name)
    if verdict != Status.DONE:
        return verdict
    # These lie in directories of root's; what is in them is the site's, who may have put links
    # there: rmtree follows none.
    _delete(context.paths.run_dir(name))
    logs = context.paths.log_dir(name)
    if options.purge:
        _delete(logs)
    elif logs.exists():
        context.show(f"kept {logs}")
    if not isinstance(entry, Broken):
        kept = [f"the user {entry.user}"]
        kept += [text for text in (entry.chdir, entry.env_file) if text is not None]
        context.show(f"kept {', '.join(kept)}")
    return Status.DONE


def _let_go(context: Context, name: str) -> int:
    if not context.has_systemd:
        return _by_supervisor(context)
    context.systemd.daemon_reload()
    outcome = context.systemd.call("stop", unit_of(name))
    context.systemd.call("reset-failed", unit_of(name))
    if outcome.status and "not loaded" not in outcome.error:
        context.say(outcome.error.strip())
        return Status.FAILED
    return Status.DONE


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


# -- writing ---------------------------------------------------------------------------------------


def make_directory(path: Path, mode: int) -> None:
    """Make a directory with its parents, whatever the mask; leave one that exists as it is."""
    if path.is_dir():
        return
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.mkdir(mode=mode)
    path.chmod(mode)


def write_whole(path: Path, text: str, mode: int, gid: int = -1) -> None:
    """Write a file of root's under a name that is passed over, then give it its own.

    :raises ConfigError: the disk refuses; one line
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        fd = os.open(scratch, flags, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchown(fd, -1, gid)
                os.fchmod(fd, mode)
            scratch.rename(path)
        except BaseException:
            scratch.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
