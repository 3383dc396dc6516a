"""Can a site's user, and the proxy in front, reach what the site file names? Asked of the kernel.

Each look is made by a child that has become the user in question. The answers are lines with
``file:line``, the first component that bars the way, and as whom.
"""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

from gunicorn import util
from gunicorn.sites import execute, impersonate
from gunicorn.sites.account import Account
from gunicorn.sites.paths import Paths
from gunicorn.sites.site import Site, as_list

#: accounts that proxies run as on Debian; those that exist here are asked about
PROXIES = ("www-data", "nginx", "haproxy", "caddy", "_h2o", "varnish")

#: settings that name a file to be read
_FILES = ("certfile", "keyfile", "ca_certs")
#: settings that name a file to be written, unless they name a stream
_LOGS = ("errorlog", "accesslog")


def problems_of_user(site: Site, account: Account) -> list[str]:
    """Look, as the site's user, for everything the site file names."""
    command = execute.command_of(site, account, {})

    def look() -> list[str]:
        found = execute.unreachable(site, command)
        found += _barred(site, "config", site.config, os.R_OK)
        for key in _FILES:
            found += _barred(site, key, site.settings.get(key), os.R_OK)
        for path in site.writable:
            found += _barred(site, "writable", path, os.W_OK)
        return found

    answer: list[str] = impersonate.ask_as(account.uid, account.gid, account.groups, look)
    return answer


def problems_of_places(site: Site, account: Account, paths: Paths) -> list[str]:
    """Look, as the site's user, whether logs and sockets elsewhere can be made."""
    own = (paths.run_dir(site.name), paths.log_dir(site.name))

    def look() -> list[str]:
        found = []
        for key in _LOGS:
            value = site.settings.get(key)
            if isinstance(value, str) and value.startswith("/"):
                found += _not_creatable(site, key, Path(value), own)
        for path in unix_binds(site):
            found += _not_creatable(site, "bind", path, own)
        return found

    answer: list[str] = impersonate.ask_as(account.uid, account.gid, account.groups, look)
    return answer


def problems_of_proxy(site: Site, account: Account, paths: Paths) -> list[str]:
    """Say which of the site's Unix sockets no proxy on this machine could connect to."""
    sockets = unix_binds(site) if "bind" in site.settings else [paths.socket(site.name)]
    proxies = _proxies()
    if not sockets or not proxies:
        return []
    names = ", ".join(user.pw_name for user in proxies)
    if not site.socket_mode & 0o022:
        return [
            f"{site.place('socket_mode')}: socket_mode: {site.socket_mode:04o} lets nobody but "
            f"{site.user} connect, and a proxy runs as {names}"
        ]
    found = []
    for path in sockets:
        if path.parent == paths.run_dir(site.name):
            found += _group_problem(site, account, proxies)
            continue
        barred = [bar for user in proxies if (bar := _way_barred(user, path.parent))]
        if len(barred) == len(proxies):
            found.append(f"{site.place('bind')}: bind: {path} cannot be reached: {barred[0]}")
    return found


def unix_binds(site: Site) -> list[Path]:
    """List the Unix sockets that the site file names."""
    found = (util.parse_address(text) for text in as_list(site.settings.get("bind", [])))
    return [Path(address) for address in found if isinstance(address, str)]


def _group_problem(site: Site, account: Account, proxies: list[pwd.struct_passwd]) -> list[str]:
    """The run directory is open to one group: is a proxy in it?"""
    for user in proxies:
        if account.socket_gid in os.getgrouplist(user.pw_name, user.pw_gid):
            return []
    names = ", ".join(user.pw_name for user in proxies)
    group = grp.getgrgid(account.socket_gid).gr_name
    return [
        f"{site.place('socket_group')}: socket_group: {names} is not in the group {group}, so no "
        f"proxy can connect: adduser {proxies[0].pw_name} {group}"
    ]


def _proxies() -> list[pwd.struct_passwd]:
    found = []
    for name in PROXIES:
        try:
            found.append(pwd.getpwnam(name))
        except KeyError:
            continue
    return found


def _way_barred(user: pwd.struct_passwd, directory: Path) -> str | None:
    """Name the first directory on the way that this user cannot enter."""

    def look() -> str | None:
        return execute.first_barred(directory, os.X_OK)

    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    bar: str | None = impersonate.ask_as(user.pw_uid, user.pw_gid, groups, look)
    return f"{bar} (as {user.pw_name})" if bar else None


def _barred(site: Site, key: str, value: object, wanted: int) -> list[str]:
    if not isinstance(value, str):
        return []
    path = Path(value)
    if not path.is_absolute():
        path = Path(site.chdir or "/") / path
    bar = execute.first_barred(path, wanted)
    return [f"{site.place(key)}: {key}: {bar} (as user {site.user})"] if bar else []


def _not_creatable(site: Site, key: str, path: Path, own: tuple[Path, ...]) -> list[str]:
    if path.parent in own:
        return []  # root makes these when the site starts
    is_there = key in _LOGS and os.path.lexists(path)
    bar = execute.first_barred(path if is_there else path.parent, os.W_OK)
    return [f"{site.place(key)}: {key}: {bar} (as user {site.user})"] if bar else []
