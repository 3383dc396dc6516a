"""The sites that every test of the fleet finds, and how they come onto a machine."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from integration import bases
from integration.machine import Machine

APPS = Path(__file__).parent / "apps"

#: Neither Debian 12 (2.2) nor 13 (3.1) has this one: a site that answers with it has it from its
#: virtualenv.
FLASK = "3.0.3"
PYTHON = {"bookworm": "3.11", "trixie": "3.13"}

ADMIN = ("keeper", "a long password for the tests")
SITES = ("shop", "blog")
UPLOADED = 5 * 1024 * 1024


def flask_wheels(suite: str) -> Path:
    """Return a directory with the wheels of the blog's virtualenv, fetched once and kept."""
    return wheels(suite, f"flask=={FLASK}")


def wheels(suite: str, *requirements: str) -> Path:
    """Return a directory with the wheels that pip needs for them on a machine, fetched once."""
    names = "-".join(requirement.replace("==", "-") for requirement in requirements)
    directory = bases.home() / f"wheels-{suite}-{names}"
    bases.home().mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.is_dir():
            scratch = Path(tempfile.mkdtemp(prefix=".wheels-", dir=bases.home()))
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"]
            command += ["--python-version", PYTHON[suite], "--dest", str(scratch), *requirements]
            try:
                subprocess.run(command, check=True)
                scratch.chmod(0o755)
                scratch.rename(directory)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return directory


def install(machine: Machine) -> None:
    """Install the packages as an administrator would; everything they need is in the base image."""
    machine.run("apt-get install -y /packages/*.deb")


def deploy(machine: Machine) -> None:
    """Bring up both applications, their site files and nginx."""
    for name in SITES:
        machine.run(f"adduser --system --group --quiet --no-create-home --home /srv/{name} {name}")
        machine.copy(APPS / name, f"/srv/{name}")
        machine.run(
            f"chgrp -R {name} /srv/{name} && chmod 0750 /srv/{name}"
        )  # root's code, read by the site
    _make_shop(machine)
    _make_blog(machine)
    for name in SITES:
        machine.write(f"/etc/gunicorn.d/{name}.conf", site_text(name))
    machine.run("chgrp blog /etc/gunicorn.d/blog.conf && chmod 0640 /etc/gunicorn.d/blog.conf")
    machine.run("gunicornctl sync")
    machine.write("/etc/nginx/sites-enabled/default", (APPS / "sites" / "nginx.conf").read_text())
    machine.run("nginx -t && systemctl restart nginx")


def site_text(name: str) -> str:
    return (APPS / "sites" / f"{name}.conf").read_text()


def _make_shop(machine: Machine) -> None:
    name, password = ADMIN
    machine.run("install -d -o shop -g shop -m 0750 /srv/shop/data /srv/shop/data/uploads")
    script = (
        "cd /srv/shop && python3 -B manage.py migrate --verbosity 0 && "
        f"DJANGO_SUPERUSER_PASSWORD='{password}' python3 -B manage.py createsuperuser --noinput "
        f"--username {name} --email {name}@shop.test"
    )
    machine.run(script, user="shop")


def _make_blog(machine: Machine) -> None:
    machine.run("install -d -o blog -g blog -m 0750 /srv/blog/uploads")
    machine.run(
        "python3 -m venv /srv/blog/venv && "
        f"/srv/blog/venv/bin/pip install --quiet --no-index --find-links /wheels flask=={FLASK}"
    )
