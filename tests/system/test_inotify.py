"""The kernel tells of changes in directories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gunicorn.system import inotify

DEADLINE = 10.0


@pytest.fixture
def watch() -> Iterator[inotify.Watch]:
    made = inotify.Watch()
    yield made
    made.close()


def write(path: Path) -> None:
    path.write_text("new")


def replace(path: Path) -> None:
    new = path.with_name("other")
    new.write_text("new")
    new.rename(path)


def touch(path: Path) -> None:
    path.touch()


def create(path: Path) -> None:
    path.with_name("created").mkdir()


@pytest.mark.parametrize("act", [write, replace, touch, create])
def test_change_is_told(tmp_path: Path, watch: inotify.Watch, act: Callable[[Path], None]) -> None:
    path = tmp_path / "x"
    path.write_text("")
    assert watch.add(str(tmp_path))
    assert not watch.wait(0)
    act(path)
    assert watch.wait(DEADLINE)
    assert not watch.wait(0)


def test_reading_is_no_change(tmp_path: Path, watch: inotify.Watch) -> None:
    path = tmp_path / "x"
    path.write_text("")
    watch.add(str(tmp_path))
    path.read_text()
    assert not watch.wait(0)


def test_directory_that_cannot_be_watched(tmp_path: Path, watch: inotify.Watch) -> None:
    assert not watch.add(str(tmp_path / "absent"))
    assert watch.add(str(tmp_path))
    assert watch.add(str(tmp_path))


def test_closing_twice() -> None:
    watch = inotify.Watch()
    watch.close()
    watch.close()
