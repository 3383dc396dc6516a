"""What an administrator should know of a site although it runs: what it has that is out of date.

Said by ``status`` and ``list``, and by the verbs that one would expect to have brought it up to
date. Reads the site file and the file system, as the site's user where the site's files are read.
"""

from __future__ import annotations

import os
from pathlib import Path

from gunicorn.sites import account as accounts
from gunicorn.sites import certificates, envfile, processes
from gunicorn.sites.paths import Paths
from gunicorn.sites.site import Site, SiteError


def of_site(site: Site, paths: Paths, pid: int) -> list[str]:
    """Give a line for everything that a running site has and that is out of date."""
    lines = [
        two_masters(paths.pidfile(site.name), pid),
        full_disk(paths.log_dir(site.name)),
        stale_secrets(site, paths.credential(site.name, envfile.CREDENTIAL), pid),
    ]
    try:
        found = certificates.look(site, accounts.account_of(site), loads=False)
        lines += found.problems + found.warnings
    except SiteError:
        pass  # the account is somebody else's to complain about
    return [line for line in lines if line is not None]


def two_masters(pidfile: Path, pid: int) -> str | None:
    """Say that an upgrade in place (USR2) is under way: the older master has moved its pidfile."""
    if not os.path.lexists(f"{pidfile}.oldbin"):
        return None
    return (
        f"two masters serve, an upgrade in place is under way: kill -TERM {pid} leaves the new one "
        "alone, kill -TERM of the new one goes back"
    )


def full_disk(directory: Path) -> str | None:
    """Say that nothing can be written to a directory of logs any more; None when it can."""
    try:
        room = os.statvfs(directory)
    except OSError:
        return None
    # some file systems have no fixed number of files, and tell 0 of 0
    if room.f_bavail and (room.f_favail or not room.f_files):
        return None
    return (
        f"its disk is full, lines of its logs are lost: df -h {directory} (and df -i); the log "
        "says how many when there is room again"
    )


def stale_secrets(site: Site, copy: Path, pid: int) -> str | None:
    """Say that a running site has older secrets than its file holds now; None when it has not.

    Looks without opening, so that the site's own user may ask too.

    :param copy: what systemd laid for the unit, or would have
    :param pid: the master, which has the secrets from its start where there is no systemd
    """
    if site.env_file is None:
        return None
    try:
        # the change of the inode, for a file may have been written long before it was put there
        changed = Path(site.env_file).stat().st_ctime
    except OSError:
        return None  # whoever needs it says so
    try:
        taken: float | None = copy.stat().st_ctime
    except OSError:
        taken = processes.started_at(pid)
    if taken is None or changed <= taken:
        return None
    return (
        f"{site.place('env_file')}: env_file: {site.env_file} is newer than what the site runs "
        f"with: gunicornctl restart {site.name}"
    )
