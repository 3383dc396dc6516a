"""The account a site runs as, looked up once, with root refused by number as well as by name.

The only file of the init layer that asks the account database, because a generator must not.
"""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

from gunicorn.sites.site import Site, SiteError


@dataclass(frozen=True)
class Account:
    """Numbers and names of a site's user, and the group that may connect to its socket."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    groups: tuple[int, ...]
    socket_gid: int


def account_of(site: Site) -> Account:
    """Look up user, group and socket group of a site.

    :raises SiteError: one of them does not exist, or is root
    """
    try:
        user = pwd.getpwnam(site.user)
    except KeyError:
        raise SiteError(
            [
                f"{site.place('user')}: user: there is no user {site.user!r}: "
                f"adduser --system --group --no-create-home {site.user}"
            ]
        ) from None
    gid = _gid(site, "group", site.group) if site.group else user.pw_gid
    if user.pw_uid == 0 or gid == 0:
        key = "user" if user.pw_uid == 0 or not site.group else "group"
        raise SiteError([f"{site.place(key)}: {key}: a site never runs as root"])
    return Account(
        name=site.user,
        uid=user.pw_uid,
        gid=gid,
        home=user.pw_dir,
        shell=user.pw_shell,
        groups=tuple(os.getgrouplist(site.user, gid)),
        socket_gid=_gid(site, "socket_group", site.socket_group),
    )


def _gid(site: Site, key: str, name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise SiteError(
            [f"{site.place(key)}: {key}: there is no group {name!r}: addgroup --system {name}"]
        ) from None
