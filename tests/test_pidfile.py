"""The pid file: claims checked, successors respected."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gunicorn.errors import ConfigError
from gunicorn.pidfile import Pidfile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gunicorn.pid"


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_content_and_mode(path: Path) -> None:
    Pidfile(str(path)).create(1234567)
    assert path.read_text() == "1234567\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", ["", "0\n", "-5\n", "garbage", "\x00\xff", "9" * 30, "12 34\n"])
def test_stale_content_is_overwritten(path: Path, content: str) -> None:
    path.write_text(content)
    Pidfile(str(path)).create(os.getpid())
    assert path.read_text() == f"{os.getpid()}\n"


def test_dead_process_is_stale(path: Path) -> None:
    path.write_text(f"{dead_pid()}\n")
    Pidfile(str(path)).create(os.getpid())
    assert path.read_text() == f"{os.getpid()}\n"


def test_living_process_is_named_and_kept(path: Path) -> None:
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(ConfigError, match=f"Already running on PID {os.getppid()} ") as caught:
        Pidfile(str(path)).create(os.getpid())
    assert str(path) in str(caught.value)
    assert path.read_text() == f"{os.getppid()}\n"


def test_process_of_somebody_else_is_alive(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, signum: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    path.write_text("4242\n")
    assert Pidfile(str(path)).validate() == 4242


def test_our_own_pid_is_no_rival(path: Path) -> None:
    path.write_text(f"{os.getpid()}\n")
    Pidfile(str(path)).create(os.getpid())


def test_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere doesn't exist\. Can't create pidfile\."):
        Pidfile(str(tmp_path / "nowhere" / "pid")).create(1)


def test_full_disk_leaves_no_piece(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", fail)
    with pytest.raises(ConfigError, match="No space left"):
        Pidfile(str(path)).create(1)
    assert list(path.parent.iterdir()) == []


def test_unlink_leaves_a_successors_file(path: Path) -> None:
    ours = Pidfile(str(path))
    ours.create(os.getpid())
    path.write_text("1\n")
    ours.unlink()
    assert path.read_text() == "1\n"


def test_unlink_takes_ours(path: Path) -> None:
    ours = Pidfile(str(path))
    ours.create(os.getpid())
    ours.unlink()
    ours.unlink()
    assert not path.exists()


def test_file_that_was_never_created_is_not_unlinked(path: Path) -> None:
    path.write_text(f"{os.getpid()}\n")
    Pidfile(str(path)).unlink()
    assert path.exists()


def test_rename_moves_the_claim(path: Path) -> None:
    ours = Pidfile(str(path))
    ours.create(os.getpid())
    other = path.with_name("other.pid")
    ours.rename(str(other))
    assert not path.exists()
    assert other.read_text() == f"{os.getpid()}\n"
    assert ours.fname == str(other)


def test_rename_that_fails_keeps_the_old_file(path: Path) -> None:
    ours = Pidfile(str(path))
    ours.create(os.getpid())
    with pytest.raises(ConfigError):
        ours.rename(str(path.parent / "nowhere" / "pid"))
    assert path.exists()
    assert ours.fname == str(path)
