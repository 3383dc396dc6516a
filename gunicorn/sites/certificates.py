"""The certificates that site files name: can they be used, and for how long yet?

Everything is looked at as the site's user, whose master loads them. A certificate that has expired
keeps no site from starting, because not every client cares; ``check`` calls it a problem all the
same, and ``status`` and the verbs that start something say it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from gunicorn.sites import execute, impersonate
from gunicorn.sites.account import Account
from gunicorn.sites.site import Site
from gunicorn.system import certificate


class Findings(NamedTuple):
    """Lines with ``file:line``: what is wrong, and what soon will be."""

    problems: list[str]
    warnings: list[str]


def look(site: Site, account: Account, loads: bool = True) -> Findings:
    """Look at the certificate and the key of a site, as its user; only root can become him.

    :param loads: have OpenSSL load both, which takes some hundredths of a second
    """
    if "certfile" not in site.settings or os.geteuid() not in (0, account.uid):
        return Findings([], [])
    try:
        found = impersonate.ask_as(
            account.uid, account.gid, account.groups, lambda: _look(site, loads)
        )
    except OSError as error:
        return Findings([f"{site.place('certfile')}: certfile: cannot be looked at: {error}"], [])
    return Findings(*found)


def _look(site: Site, loads: bool) -> Findings:
    path = _path(site, "certfile")
    place = f"{site.place('certfile')}: certfile: {path}"
    try:
        pem = path.read_bytes()
        trouble = certificate.trouble(pem, time.time())
    except ValueError as error:
        return Findings([f"{place}: {error}"], [])
    except OSError:
        bar = execute.first_barred(path, os.R_OK) or f"{path} cannot be read"
        line = f"{site.place('certfile')}: certfile: {bar} (as user {site.user})"
        return Findings([line], [])
    mismatch = _mismatch(site, path) if loads else []
    if trouble is None:
        return Findings(mismatch, [])
    line = f"{place}: {trouble.text}: renew it, then gunicornctl reload {site.name}"
    return Findings([line, *mismatch], []) if trouble.is_now else Findings(mismatch, [line])


def _mismatch(site: Site, certfile: Path) -> list[str]:
    """Have OpenSSL load both, as the master will."""
    import ssl  # a site with certificates alone pays for it

    keyfile = _path(site, "keyfile") if "keyfile" in site.settings else certfile
    bar = execute.first_barred(keyfile, os.R_OK)
    if bar:
        return [f"{site.place('keyfile')}: keyfile: {bar} (as user {site.user})"]
    try:
        # no password: a key that asks for one asks nobody in a service
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile, password="")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        why = f"cannot be used: {reason.lower().replace('_', ' ')}"
        # of one kind, and of another kind than the certificate's
        if reason in ("KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            why = f"is not the key of the certificate in {certfile}"
        key = "keyfile" if "keyfile" in site.settings else "certfile"
        return [f"{site.place(key)}: {key}: {keyfile} {why}"]
    return []


def _path(site: Site, key: str) -> Path:
    return Path(site.chdir or "/", str(site.settings[key]))
