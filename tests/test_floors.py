"""Holds the import floors of the house: a file imports only from lower floors.

The table below is the picture; the imports are read from the sources, not from a running program,
so that an import inside a function counts too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent / "gunicorn"

GROUND = {"gunicorn", "errors", "shapes"}
SYSTEM = {"system", "util", "pidfile", "debug"}
LOGS = {"glogging", "accesslog", "logconfig", "logfiles", "sock", "statsd", "syslog", "tls"}
LOW = GROUND | SYSTEM | {"config"} | LOGS

#: room -> the rooms it may import from
FLOORS: dict[str, set[str]] = {
    "gunicorn": set(),
    "errors": set(),
    "shapes": set(),
    **dict.fromkeys(SYSTEM, GROUND | SYSTEM),
    "http": GROUND | {"http"},
    "config": GROUND | SYSTEM | {"config"},
    **dict.fromkeys(LOGS, LOW),
    "workers": LOW | {"http", "workers"},
    "master": LOW | {"master"},
    "sites": GROUND | SYSTEM | {"config", "sites"},
    "arbiter": LOW | {"master"},
    **{
        room: LOW | {"http", "workers", "master", "sites", "arbiter", "app", "management"}
        for room in ("app", "management", "__main__")
    },
}


def module_name(path: Path) -> str:
    parts = path.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "gunicorn"


def imports_of(path: Path) -> set[str]:
    """The modules of ours that the file names in any import, type-checking blocks left out."""
    found: set[str] = set()
    tree = ast.parse(path.read_bytes(), str(path))
    skipped = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import in full"
            base = node.module or ""
            if base == "gunicorn":
                rooms = {alias.name for alias in node.names}
                found.update(
                    f"gunicorn.{room}" if is_module(room) else "gunicorn" for room in rooms
                )
            else:
                found.add(base)
    return {name for name in found if name.split(".")[0] == "gunicorn"}


def is_module(room: str) -> bool:
    return (HOUSE / room).is_dir() or (HOUSE / f"{room}.py").is_file()


#: what a start would wait for, a millisecond or so each, and most servers never use
SLOW = ["argparse", "datetime", "email", "json", "pickle", "random", "subprocess", "typing"]

FILES = sorted(HOUSE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_file_imports_only_from_lower_floors(path: Path) -> None:
    room = room_of(module_name(path))
    assert room in FLOORS, f"{room} has no floor: give it one in this table"
    upward = {name for name in imports_of(path) if room_of(name) not in FLOORS[room]}
    assert not upward, f"{path.relative_to(HOUSE)} reaches up or across to {sorted(upward)}"


@pytest.mark.parametrize("path", sorted((HOUSE / "http").rglob("*.py")), ids=lambda path: path.name)
def test_http_knows_no_socket_and_no_os(path: Path) -> None:
    tree = ast.parse(path.read_bytes(), str(path))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not names & {"socket", "os", "select", "selectors", "signal", "ssl", "threading"}


@pytest.mark.parametrize(
    ("module", "never"),
    [
        ("gunicorn", ["gunicorn.errors", "gunicorn.config"]),
        ("gunicorn.arbiter", ["gunicorn.http", "gunicorn.workers", "gunicorn.sites"]),
        (
            "gunicorn.sites.generator",
            ["gunicorn.http", "gunicorn.workers", "gunicorn.arbiter", "ssl", "logging"],
        ),
        (
            "gunicorn.sites.control",
            ["gunicorn.http", "gunicorn.workers", "gunicorn.arbiter", "ssl"],
        ),
        ("gunicorn.http.parser", ["gunicorn.config", "gunicorn.workers", "gunicorn.system"]),
        ("gunicorn.arbiter", SLOW),
        ("gunicorn.app.wsgiapp", SLOW),
        ("gunicorn.glogging", SLOW),
        ("gunicorn.workers.sync", SLOW),
    ],
)
def test_import_never_loads(module: str, never: list[str]) -> None:
    # What the interpreter loads by itself, or for a package installed beside us, is not our doing.
    program = (
        f"import sys; before = set(sys.modules); import {module}; "
        f"loaded = [n for n in {never!r} if n in sys.modules.keys() - before]; "
        "sys.exit(f'loaded {loaded}' if loaded else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
