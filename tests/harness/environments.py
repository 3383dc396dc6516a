"""What tests need of the world: Python packages from the index, programs from Debian.

    python = environment("django==5.2.*").python

An environment is made once and kept outside the clone, in ``$GUNICORN_TEST_CACHE`` or
``~/.cache/gunicorn-tests``, under a name made from its requirements and the interpreter; everybody
who asks for the same list shares it.  It never holds the server: that comes from the clone by
PYTHONPATH, or from :func:`install_clone` where its entry points must be found.

Rules: what cannot be installed skips the test by name, with the last words of the installer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

P = ParamSpec("P")
T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent.parent

#: seconds for one installation, downloads included
INSTALL_TIME = 240.0

#: the file that says that an environment is complete
COMPLETE = "complete"


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment."""

    path: Path

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    def script(self, name: str) -> Path:
        """Give the console script ``name``."""
        return self.path / "bin" / name


def cache_directory() -> Path:
    given = os.environ.get("GUNICORN_TEST_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(given) if given else home / "gunicorn-tests"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def made_once(path: Path) -> Iterator[bool]:
    """Hold the lock of ``path``; the value says whether it is still to be made.

    Counts as made when the block ends without an exception.
    """
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_wanted = not (path / COMPLETE).exists()
        if is_wanted:
            shutil.rmtree(path, ignore_errors=True)
        yield is_wanted
        if is_wanted:
            (path / COMPLETE).touch()


def remembering(make: Callable[P, T]) -> Callable[P, T]:
    """Make a thing once; what could not be had is not tried again for the next test."""
    reasons: dict[object, str] = {}
    made = functools.cache(make)

    @functools.wraps(make)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        if args in reasons:
            pytest.skip(reasons[args])
        try:
            return made(*args, **kwargs)
        except pytest.skip.Exception as skipped:
            reasons[args] = str(skipped)
            raise

    return call


@remembering
def environment(*requirements: str) -> Environment:
    """Give a virtual environment with ``requirements``; skip the test when it cannot be made."""
    words = " ".join(sorted(requirements))
    name = hashlib.sha256(f"{sys.executable} {sys.version} {words}".encode()).hexdigest()[:16]
    path = cache_directory() / f"venv-{name}"
    with made_once(path) as is_wanted:
        if is_wanted:
            create(path)
            if requirements:
                pip(path / "bin" / "python", words, "install", *requirements)
    return Environment(path)


def create(path: Path) -> None:
    """Make a virtual environment without pip: ours can install into it, and does so faster."""
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(path)], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"no virtual environment can be made here: {last_line(done)}")


def pip(python: Path, what: str, *words: str) -> None:
    """Run pip for the interpreter ``python``; skip the test when it fails."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "--quiet"]
    # Not the rest of our environment: PYTHONPATH would count as installed.
    environ = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=INSTALL_TIME, env=environ
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"needs {what}: not installed after {INSTALL_TIME:.0f} s")
    if done.returncode != 0:
        pytest.skip(f"needs {what}: {last_line(done)}")


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return ((done.stderr or done.stdout).strip().splitlines() or ["no output"])[-1]


def install_clone(directory: Path) -> Path:
    """Install the server from the clone into ``directory`` with pip; give the directory.

    With it on PYTHONPATH the entry points are found; its ``bin`` holds the console scripts. The
    clone is copied first: building a package leaves files beside the sources.
    """
    env = environment("setuptools>=77")
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "clone"
        copy.mkdir()
        for name in ("pyproject.toml", "setup.py", "README.rst", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        shutil.copytree(
            ROOT / "gunicorn", copy / "gunicorn", ignore=shutil.ignore_patterns("__pycache__")
        )
        options = ["--no-deps", "--no-compile", "--no-build-isolation", "--target", str(directory)]
        pip(env.python, "pip install of the clone", "install", *options, str(copy))
    return directory


@remembering
def debian_tree(*packages: str) -> Path:
    """Give the files of Debian packages, unpacked into the cache.

    Unpacked, not installed: that needs no root, and installing a daemon would start it.
    """
    words = " ".join(sorted(packages))
    place = cache_directory() / f"debian-{hashlib.sha256(words.encode()).hexdigest()[:16]}"
    with made_once(place) as is_wanted:
        if is_wanted:
            place.mkdir()
            for command in (
                ["apt-get", "download", *packages],
                ["sh", "-ec", "for one in *.deb; do dpkg-deb --extract $one .; rm $one; done"],
            ):
                try:
                    done = subprocess.run(command, cwd=place, capture_output=True, text=True)
                except FileNotFoundError:
                    pytest.skip(f"needs the Debian packages {words}: no {command[0]} here")
                if done.returncode != 0:
                    pytest.skip(f"needs the Debian packages {words}: {last_line(done)}")
    return place


def debian_program(package: str, path: str) -> Path:
    """Give the program ``path`` of a Debian package, installed or only unpacked."""
    installed = Path("/", path)
    return installed if installed.exists() else debian_tree(package) / path
