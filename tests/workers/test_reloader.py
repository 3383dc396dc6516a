"""Who says that code has changed, and what a worker does about it."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import types
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gunicorn.config import Config
from gunicorn.workers import reloader
from gunicorn.workers.reloader import Reloader, Snapshot

DEADLINE = 10.0


def change(path: Path, text: str) -> None:
    """Write ``path``, so that it looks different whatever the clock of the file system."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 1, before + 1))


# -- the judge -------------------------------------------------------------------------------------


def test_change_is_seen_until_it_is_acted_upon(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    change(one, "1")
    change(other, "1")
    snapshot = Snapshot(lambda: [str(one), str(other)])
    assert snapshot.look() is None
    assert snapshot.look() is None
    change(other, "2")
    assert snapshot.look() == str(other)
    assert snapshot.look() == str(other)


@pytest.mark.parametrize("what", ["time", "size", "inode"])
def test_what_counts_as_a_change(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    os.utime(path, (1, 1))
    snapshot = Snapshot(lambda: [str(path)])
    snapshot.look()
    if what == "time":
        os.utime(path, (2, 2))
    elif what == "size":
        path.write_text("xx")
        os.utime(path, (1, 1))
    else:
        new = tmp_path / "new"
        new.write_text("x")
        os.utime(new, (1, 1))
        new.rename(path)
    assert snapshot.look() == str(path)


def test_file_that_vanishes_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "x"
    change(path, "1")
    snapshot = Snapshot(lambda: [str(path)])
    snapshot.look()
    path.unlink()
    assert snapshot.look() is None
    change(path, "22")
    assert snapshot.look() == str(path)


def test_file_that_appears_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    snapshot = Snapshot(lambda: [str(path)])
    assert snapshot.look() is None
    path.write_text("")
    assert snapshot.look() == str(path)


def test_file_known_later_is_new_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("")
    files: list[str] = []
    snapshot = Snapshot(lambda: files)
    snapshot.look()
    files.append(str(path))
    assert snapshot.look() is None
    files.clear()
    change(path, "2")
    assert snapshot.look() == str(path), "a module may leave sys.modules"


# -- the files -------------------------------------------------------------------------------------


def test_files_of_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(types.ModuleType):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError("asking would load it")

    compiled = types.ModuleType("compiled")
    compiled.__file__ = "/srv/shop/compiled.pyc"
    found = types.ModuleType("found")
    found.__file__ = "/srv/shop/found.py"
    monkeypatch.setitem(sys.modules, "compiled", compiled)
    monkeypatch.setitem(sys.modules, "found", found)
    monkeypatch.setitem(sys.modules, "late", Late("late"))
    monkeypatch.setitem(sys.modules, "blocked", None)
    files = list(reloader.module_files())
    assert {"/srv/shop/compiled.py", "/srv/shop/found.py", __file__} <= set(files)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def broken(:\n", ["broken_app.py"]),
        ("import missing_of_the_test\n", ["broken_app.py"]),
        ("try:\n    1 / 0\nexcept Exception:\n    import broken_part\n", ["broken_part.py"]),
        ("import broken_part\n", ["broken_app.py", "broken_part.py"]),
        ("raise SystemExit(3)\n", ["broken_app.py"]),
    ],
)
def test_files_behind_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, names: list[str]
) -> None:
    (tmp_path / "broken_app.py").write_text(text)
    (tmp_path / "broken_part.py").write_text("\nraise RuntimeError('no') from ValueError()\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BaseException) as caught:
        importlib.import_module("broken_app")
    files = reloader.files_behind(caught.value)
    assert {str(tmp_path / name) for name in names} <= set(files)
    assert str(tmp_path) in files
    assert not [name for name in files if name.startswith(str(Path(reloader.__file__).parent))]


# -- the thread ------------------------------------------------------------------------------------


class Worker:
    """What the reloader asks of a worker."""

    def __init__(self, *extra: Path, engine: str = "poll") -> None:
        self.cfg = Config()
        self.cfg.set("reload_engine", engine)
        self.cfg.set("reload_extra_files", [str(path) for path in extra])
        self.told: list[str] = []
        self.log = SimpleNamespace(info=self.tell, warning=self.tell)
        self.tmp = SimpleNamespace(ask_replacement=lambda: self.told.append("replacement"))

    def tell(self, message: str, *arguments: object) -> None:
        self.told.append(message % arguments)


def run(worker: Worker, *steps: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Run a reloader here, a step for each time it waits; give the signals it sent."""
    sent: list[tuple[int, int]] = []
    left = list(steps)
    monkeypatch.setattr(reloader.os, "kill", lambda pid, number: sent.append((pid, number)))
    monkeypatch.setattr(reloader.signal, "pthread_sigmask", lambda *arguments: None)

    def wait(files: Iterable[str]) -> None:
        left.pop(0)()

    made = Reloader(worker, wait)
    made.arm()
    made.run()
    assert not left
    return sent


def test_change_has_the_worker_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "template.html"
    path.write_text("")
    worker = Worker(path)
    sent = run(worker, lambda: None, lambda: change(path, "x"), monkeypatch=monkeypatch)
    assert sent == [(os.getpid(), signal.SIGTERM)]
    assert worker.told == [f"Worker reloading: {path} modified", "replacement"]


def test_change_while_the_application_loads_is_acted_upon_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("")
    worker = Worker(path)
    replaced = []

    class Watching(Reloader):
        def _replace(self, changed: str) -> None:
            replaced.append(changed)

    made = Watching(worker, lambda files: None)
    made._snapshot.look()
    change(path, "1")
    made.start()
    made.join(0.01)
    assert replaced == []
    assert made.is_alive()
    made.arm()
    made.join(DEADLINE)
    assert replaced == [str(path)]


def test_explanation_shows_the_error_and_watches_its_files(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("1 / 0")
    made = Reloader(Worker(), lambda files: None)
    try:
        exec(compile(path.read_text(), str(path), "exec"))
    except ZeroDivisionError as error:
        application = made.explain(error)
    answer: list[Any] = []
    body = b"".join(application({}, lambda status, fields: answer.append((status, dict(fields)))))
    assert answer[0][0] == "500 Internal Server Error"
    assert answer[0][1]["Content-Length"] == str(len(body))
    assert b"ZeroDivisionError: division by zero" in body
    made.arm()
    assert {str(path), str(tmp_path)} <= set(made._snapshot.watched)


def test_engine_that_is_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError("no inotify")

    monkeypatch.setattr(reloader.inotify, "Watch", refuse)
    worker = Worker()
    assert reloader.make_engine("auto", worker.log) is reloader._poll
    assert worker.told == []
    assert reloader.make_engine("inotify", worker.log) is reloader._poll
    assert worker.told == ["reload_engine inotify is not to be had (no inotify): polling"]


def test_engine_of_the_kernel_ends_its_wait_by_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloader, "INOTIFY_SECONDS", DEADLINE)
    path = tmp_path / "x"
    path.write_text("")
    told: list[float] = []
    real = reloader.inotify.Watch.wait

    def wait(self: Any, seconds: float) -> bool:
        path.write_text("new")
        happened = real(self, seconds)
        told.append(happened)
        return happened

    monkeypatch.setattr(reloader.inotify.Watch, "wait", wait)
    reloader.make_engine("auto", Worker().log)([str(path)])
    assert told == [True]
