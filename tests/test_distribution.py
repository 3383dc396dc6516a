"""The source distribution and the wheel, and the server that pip installs from them.

``pip install .`` is done from the unpacked source distribution: the same build, and the clone stays
as it was.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import gunicorn
from tests.harness import Server

TREE = Path(__file__).resolve().parent.parent

#: what a source distribution is for: building, and knowing that it was built well
NEEDED = [
    "CHANGELOG.rst", "LICENSE", "README.rst", "debian/control", "docs/index.rst", "pyproject.toml",
    "etc/gunicorn.d/README", "integration/machine.py", "logrotate/gunicorn", "scripts/test",
    "setup.py", "systemd/gunicorn-generator", "systemd/gunicorn@.service", "tests/conftest.py",
]  # fmt: skip


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the source distribution of the tree, and the wheel that was built from it.

    From a copy of the files git would track, because the build leaves its own beside them.
    """
    copy = tmp_path_factory.mktemp("copy")
    made = ["./.*", "__pycache__", "./build", "./dist", "*.egg-info", "./docs/_*", "*.pyc"]
    pack = ["tar", "-C", TREE, *[f"--exclude={name}" for name in made], "-cf", copy / "tar", "."]
    run(*pack)
    run("tar", "-C", copy, "-xf", copy / "tar")
    (copy / "tar").unlink()
    dist = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", dist, copy)
    return dist


@pytest.fixture(scope="module")
def sdist(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked source distribution."""
    (archive,) = built.glob("*.tar.gz")
    place = tmp_path_factory.mktemp("sdist")
    run("tar", "-C", place, "-xzf", archive)
    return place / f"gunicorn-{gunicorn.__version__}"


@pytest.fixture(scope="module")
def environment(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A virtualenv in which ``pip install .`` was done."""
    place = tmp_path_factory.mktemp("venv")
    venv.create(place, with_pip=True, symlinks=True)
    run(place / "bin/python", "-m", "pip", "install", "--quiet", ".", cwd=sdist)
    yield place


def modules(root: Path) -> dict[str, bytes]:
    found = (root / "gunicorn").rglob("*.py")
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_index_would_take_both(built: Path) -> None:
    assert sorted(path.suffix for path in built.iterdir()) == [".gz", ".whl"]
    said = run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir())
    assert said.count("PASSED") == 2
    assert "warning" not in said.lower()


def test_source_distribution_is_the_whole_tree(sdist: Path) -> None:
    assert [name for name in NEEDED if not (sdist / name).is_file()] == []
    assert modules(sdist) == modules(TREE)
    assert os.access(sdist / "scripts/test", os.X_OK)
    left = [
        path for path in sdist.rglob("*") if path.name == "__pycache__" or path.suffix == ".pyc"
    ]
    assert left == []


def test_wheel_is_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name == f"gunicorn-{gunicorn.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
        code = {name: file.read(name) for name in names if name.startswith("gunicorn/")}
    assert {name.partition("/")[0] for name in names} == {
        "gunicorn", f"gunicorn-{gunicorn.__version__}.dist-info"
    }  # fmt: skip
    assert code == modules(TREE)


@pytest.mark.parametrize("command", ["gunicorn", "gunicorn_django", "gunicorn_paster"])
def test_commands_are_there(environment: Path, command: str) -> None:
    said = run(environment / "bin" / command, "--version")
    assert said == f"{command} (version {gunicorn.__version__})\n"


def test_tool_of_the_sites_is_there(environment: Path) -> None:
    assert "reload" in run(environment / "bin/gunicornctl", "--help")


class Installed(Server):
    """The server of a virtualenv, which sees nothing of the tree."""

    place: Path

    def command_line(self) -> list[str]:
        words = super().command_line()
        return [str(self.place / "bin/gunicorn"), *words[words.index("gunicorn") + 1 :]]

    def _environment(self) -> dict[str, str]:
        return {
            name: value for name, value in super()._environment().items() if name != "PYTHONPATH"
        }


def test_installed_server_serves(environment: Path) -> None:
    Installed.place = environment
    text = (
        "import gunicorn\n"
        "def application(environ, start_response):\n"
        "    body = gunicorn.__file__.encode()\n"
        "    start_response('200 OK', [('Content-Length', str(len(body)))])\n"
        "    return [body]\n"
    )
    with Installed("shop", files={"shop.py": text}) as server:
        body = server.get().body.decode()
    assert re.fullmatch(
        rf"{re.escape(str(environment))}/lib/python3\.\d+/site-packages/gunicorn/__init__\.py", body
    )
