"""Which machines the tests have, and what is on them.

`machine_of(suite)`   a booted Debian with nothing of ours on it; each call boots another one
`packages`            the directory of the built .debs; `newer_packages` are of a later version
`fleet`               one machine per suite, kept for the whole run: the packages installed with
                      apt-get, the welcome site, a Django project as site `shop`, a Flask
                      application in a virtualenv as site `blog`, nginx before both

A test leaves the fleet as it found it: sites running, configuration restored. Whatever it breaks on
purpose it breaks on a site of its own. Tests that end a machine's life boot their own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from integration import bases
from integration import fleet as fleets
from integration.machine import Machine, cgroup_hierarchies
from integration.nspawn_backend import host_of

TREE = Path(__file__).resolve().parent.parent
VERSION = "2026.11.0"
NEWER = "2026.12.1"
NEEDED = ("mmdebstrap", "systemd-nspawn", "nsenter", "unshare", "setpriv", "dpkg-buildpackage")


def missing() -> str | None:
    """Say why machines cannot be booted here; None when they can."""
    if os.geteuid() != 0:
        return "booting machines needs root"
    absent = [command for command in NEEDED if shutil.which(command) is None]
    if absent:
        return f"not installed here: {', '.join(absent)}"
    probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True)
    if probe.returncode:
        return f"no mount namespaces here: {probe.stderr.strip()}"
    closed = [str(path) for path in cgroup_hierarchies() if not os.access(path, os.W_OK)]
    return f"no cgroups can be made here: {', '.join(closed)}" if closed else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = missing()
    if reason is None:
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .debs of this tree: built by scripts/test already, otherwise here."""
    built = os.environ.get("GUNICORN_PACKAGES")
    if built:
        return Path(built)
    directory = tmp_path_factory.mktemp("packages")
    subprocess.run([TREE / "scripts/build-packages", directory], check=True)
    return directory


@pytest.fixture(scope="session")
def newer_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .debs of this tree as they would be with the version `NEWER`."""
    tree = tmp_path_factory.mktemp("newer") / "tree"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "_build")
    shutil.copytree(TREE, tree, symlinks=True, ignore=left_out)
    for name in ("gunicorn/__init__.py", "debian/changelog"):
        file = tree / name
        text = file.read_text()
        assert text.count(VERSION) == 1
        file.write_text(text.replace(VERSION, NEWER))
    directory = tmp_path_factory.mktemp("newer-packages")
    subprocess.run([tree / "scripts/build-packages", directory], check=True)
    return directory


@pytest.fixture(scope="session", params=bases.SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def machine_of(packages: Path) -> Iterator[Callable[..., Machine]]:
    """Boot machines that end with the test; the packages are under /packages."""
    with ExitStack() as stack:

        def boot(suite: str, **options: Any) -> Machine:
            base = options.pop("base", None) or bases.base(suite)
            binds = {packages: "/packages"} | options.pop("binds", {})
            return stack.enter_context(Machine(f"own-{suite}", base, binds=binds, **options))

        yield boot


@pytest.fixture(scope="session")
def fleet(suite: str, packages: Path) -> Iterator[Machine]:
    wheels = fleets.flask_wheels(suite)
    base = bases.base(suite)
    with Machine(
        f"fleet-{suite}", base, binds={packages: "/packages", wheels: "/wheels"}
    ) as machine:
        fleets.install(machine)
        fleets.deploy(machine)
        yield machine


@pytest.fixture
def host(fleet: Machine) -> Any:
    """The fleet's machine as testinfra sees it."""
    return host_of(fleet)
