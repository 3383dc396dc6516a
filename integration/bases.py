"""Base images: a Debian tree per suite and purpose, made once with mmdebstrap and then only read.

They live outside the clone, in `$GUNICORN_MACHINES` or /var/tmp/gunicorn-machines, as SUITE-HASH
where the hash covers everything that went into the tree: another package list is another image,
never a stale one. A tree is built under a temporary name and renamed, so that a name that exists is
complete.

The mirror is read from this machine's own apt sources at run time; no host is written down
anywhere. `python3 -m integration.bases [SUITE...]` builds the images ahead of a test run.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SUITES = ("bookworm", "trixie")

#: What a machine for the tests has before our packages come: everything that they depend on, so
#: that `apt-get install ./gunicorn.deb` needs no network, and what the tests look with.
SERVER = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "adduser",
    "logrotate",
    "cron",
    "curl",
    "ca-certificates",
    "iproute2",
    "procps",
    "util-linux",
    "python3",
    "python3-venv",
    "python3-django",
    "python3-flask",
    "python3-daemon",
    "python3-setproctitle",
    "nginx-light",
]

#: The machine of somebody who has just cloned the repository: not even make or python3.
MINIMAL: list[str] = []
#: The same, able to boot.
MINIMAL_BOOTABLE = ["systemd", "systemd-sysv", "dbus"]


class NoMirrorError(Exception):
    """This machine's apt sources name no Debian archive."""


def home() -> Path:
    return Path(os.environ.get("GUNICORN_MACHINES", "/var/tmp/gunicorn-machines"))


def base(suite: str, packages: list[str] | None = None, variant: str = "apt") -> Path:
    """Return the directory of the image of `suite`, building it when it is not there yet."""
    wanted = SERVER if packages is None else packages
    recipe = "\n".join([suite, variant, *sorted(wanted)])
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    image = home() / f"{suite}-{digest}"
    if image.is_dir():
        return image
    home().mkdir(parents=True, exist_ok=True)
    with (home() / f"{suite}-{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once build it once
        if not image.is_dir():
            _build(suite, wanted, variant, image)
    return image


def _build(suite: str, packages: list[str], variant: str, image: Path) -> None:
    scratch = Path(tempfile.mkdtemp(prefix=f".{image.name}-", dir=home()))
    tree = scratch / "tree"
    command = ["mmdebstrap", f"--variant={variant}", "--mode=root", *_apt_options()]
    if packages:
        command.append("--include=" + ",".join(packages))
    command += [suite, str(tree), *sources(suite)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"mmdebstrap of {suite} failed:\n{done.stderr[-3000:]}")
        tree.chmod(0o755)
        tree.rename(image)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def sources(suite: str) -> list[str]:
    """Return one-line apt sources for `suite`, on the mirror that this machine uses itself."""
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    signed = f"[signed-by={keyring}] " if keyring.exists() else ""
    return [f"deb {signed}{mirror()} {suite} main"]


def mirror() -> str:
    """Return the address of the Debian archive in this machine's apt sources."""
    texts = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in texts:
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if path.suffix == ".sources":
            found = _from_deb822(text)
        elif path.suffix == ".list":
            found = _from_one_line(text)
        else:
            continue
        if found:
            return found
    raise NoMirrorError("no Debian archive in /etc/apt/sources.list or /etc/apt/sources.list.d")


def _from_one_line(text: str) -> str | None:
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+main\b", line.strip())
        if match and _is_debian_suite(match[2]):
            return match[1]
    return None


def _from_deb822(text: str) -> str | None:
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines() if not line.startswith("#")]
        fields = dict(line.split(":", 1) for line in lines if re.match(r"[A-Za-z-]+:", line))
        suites = fields.get("Suites", "").split()
        usable = (
            "main" in fields.get("Components", "").split()
            and "deb" in fields.get("Types", "").split()
        )
        if usable and any(_is_debian_suite(suite) for suite in suites):
            return fields["URIs"].split()[0]
    return None


def _is_debian_suite(name: str) -> bool:
    return name in (*SUITES, "stable", "oldstable", "testing", "sid", "forky")


def _apt_options() -> list[str]:
    """Pass on what apt needs here to reach its mirror: proxies, whether old indexes are fine."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    wanted = re.compile(r"Acquire::(Check-Valid-Until|Check-Date|Retries|https?::Proxy)\b[^\n]*;$")
    return [f"--aptopt={line}" for line in dump.splitlines() if wanted.match(line)]


if __name__ == "__main__":
    for name in sys.argv[1:] or SUITES:
        print(base(name))
