"""The systemd generator: site files become drop-ins and links, at boot and at every daemon-reload.

Facts about generators (systemd.generator(7)) that shape this file:

- They run before anything else, with no log, no network, perhaps no ``/var``: nothing but the site
  files is read. Accounts are looked for in ``/etc/passwd`` only, and only where they can be nowhere
  else: a directory service cannot be asked yet.
- systemd looks up ``User=`` before any command of the unit, even one that runs as root, so a unit
  with an unknown user fails without a word of ours, and is tried again and again. It gets a unit
  that says so instead.
- All of them must finish before units are loaded, so a slow one delays the boot: imports are few.
- What one prints may go nowhere; the kernel log is there.

So nothing may make it fail as a whole: a site file that is wrong becomes a unit that fails alone
and says why, and even an error of ours while rendering one site leaves the others their units.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gunicorn.sites import accountfiles, envfile, units
from gunicorn.sites.fleet import Broken, read_fleet
from gunicorn.sites.paths import UMBRELLA, Paths, unit_of
from gunicorn.sites.site import Site
from gunicorn.sites.trust import ROOT_ONLY, Rules

#: where the package puts the template that the links lead to
TEMPLATE = Path("/usr/lib/systemd/system/gunicorn@.service")


def main(argv: list[str] | None = None) -> int:
    """``gunicorn-generator NORMAL-DIR [EARLY-DIR LATE-DIR]``; always ends with 0."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments:
        sys.stderr.write("usage: gunicorn-generator NORMAL-DIR [EARLY-DIR LATE-DIR]\n")
        return 2
    for line in generate(Path(arguments[0]), Paths()):
        log(line)
    return 0


def generate(target: Path, paths: Paths, rules: Rules = ROOT_ONLY) -> list[str]:
    """Write the units of all sites below ``target``; returns the lines to be logged."""
    lines: list[str] = []
    accounts = accountfiles.AccountFiles(paths.root)
    for name, entry in read_fleet(paths, rules).items():
        try:
            problems = _problems(entry, accounts, rules) if isinstance(entry, Site) else []
            lines += _write(target, Broken(name, entry.path, problems) if problems else entry)
        except Exception as error:
            lines.append(f"{paths.site_file(name)}: no unit written: {error}")
            try:
                _write(target, Broken(name, paths.site_file(name), []))
            except OSError:
                pass  # said above; the template alone refuses to start a site it knows nothing of
    return lines


def _problems(site: Site, accounts: accountfiles.AccountFiles, rules: Rules) -> list[str]:
    """Tell what systemd would fail over before a command of ours could say why."""
    secret = envfile.problem(site, rules)
    return accounts.missing(site) + ([secret] if secret else [])


def _write(target: Path, entry: Site | Broken) -> list[str]:
    """Write one site's drop-in, and its link when it is to start with the system."""
    if isinstance(entry, Site):
        text, lines = units.site_dropin(entry), []
    else:
        text, lines = units.broken_dropin(entry.name, entry.path), entry.problems
    directory = target / units.dropin_dir(entry.name)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / units.DROPIN).write_text(text)
    if entry.start == "auto":
        wants = target / f"{UMBRELLA}.wants"
        wants.mkdir(exist_ok=True)
        (wants / unit_of(entry.name)).symlink_to(TEMPLATE)
    return lines


def log(line: str) -> None:
    """One line to the kernel log, which is there before the journal; to stderr without it."""
    text = f"<3>gunicorn-generator: {line}\n"
    try:
        fd = os.open("/dev/kmsg", os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError:
        sys.stderr.write(text[3:])
        return
    try:
        os.write(fd, text.encode("utf-8", "replace")[:900])
    except OSError:
        pass
    finally:
        os.close(fd)
