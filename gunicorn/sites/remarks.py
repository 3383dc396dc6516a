"""What an administrator should know of a site although it runs: what it has that is out of date.

Said by ``status`` and ``list``, and by the verbs that one would expect to have brought it up to
date. Reads the site file and the file system, as the site's user where the site's files are read.
"""

from __future__ import annotations

from pathlib import Path

from gunicorn.sites import account as accounts
from gunicorn.sites import certificates, envfile, processes
from gunicorn.sites.paths import Paths
from gunicorn.sites.site import Site, SiteError


def of_site(site: Site, paths: Paths, pid: int) -> list[str]:
    """Give a line for everything that a running site has and that is out of date."""
    stale = stale_secrets(site, paths.credential(site.name, envfile.CREDENTIAL), pid)
    try:
        found = certificates.look(site, accounts.account_of(site), loads=False)
    except SiteError:
        return [stale] if stale else []  # the account is somebody else's to complain about
    return [*([stale] if stale else []), *found.problems, *found.warnings]


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
