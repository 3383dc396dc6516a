"""Applications and their configuration inside one process: embedding, reload, preparation."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gunicorn.app.base import Application, BaseApplication
from gunicorn.app.wsgiapp import WSGIApplication
from gunicorn.errors import AppImportError, ConfigError


class Embedded(BaseApplication):
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.loads = 0
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        self.loads += 1
        return print


class Plain:
    """A worker class and a logger class that load without the rest of the server."""


CLASSES = {"worker_class": Plain, "logger_class": Plain}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "GUNICORN_CMD_ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gunicorn", "-k", f"{__name__}.Plain", "shop:app"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    environ = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(environ)


def write(text: str) -> None:
    classes = f"logger_class = '{__name__}.Plain'\n"
    Path("gunicorn.conf.py").write_text(text + classes)


# -- embedding -------------------------------------------------------------------------------------


def test_embedder_reads_no_command_line() -> None:
    app = Embedded({"workers": 3})
    assert app.cfg.workers == 3
    assert app.cfg.origin("workers") == "the program"
    assert app.cfg.worker_class_str == "sync"
    assert app.prog == "gunicorn"


def test_embedder_gets_the_variables_of_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "7")
    assert Embedded({}).cfg.workers == 7


def test_wsgi_loads_once() -> None:
    app = Embedded({})
    assert app.wsgi() is app.wsgi() is print
    assert app.loads == 1


def test_base_is_abstract() -> None:
    with pytest.raises(NotImplementedError):
        BaseApplication()
    with pytest.raises(NotImplementedError):
        Application().load()


def test_config_error_of_an_embedder_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        Embedded({"user": "no such user"})
    assert caught.value.code == 1
    assert capsys.readouterr().err == "Error: No such user: 'no such user'\n"


def test_init_sees_options_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    class App(Application):
        def init(self, parser: Any, opts: Any, args: list[str]) -> dict[str, Any]:
            seen.extend([opts.workers, opts.timeout, args])
            return {"keepalive": "9"}

    monkeypatch.setattr(sys, "argv", ["gunicorn", "-w", "3", "one", "two"])
    app = App()
    assert seen == [3, None, ["one", "two"]]
    assert app.cfg.keepalive == 9


# -- the command's application ---------------------------------------------------------------------


def test_application_module_names_the_process_and_is_loaded(tmp_path: Path) -> None:
    Path("shop.py").write_text("app = print\n")
    app = WSGIApplication()
    assert app.cfg.proc_name == "shop:app"
    assert app.wsgi() is print
    sys.modules.pop("shop")


def test_application_that_is_missing(tmp_path: Path) -> None:
    app = WSGIApplication()
    with pytest.raises(AppImportError, match="No module named 'shop'"):
        app.wsgi()


# -- reload ----------------------------------------------------------------------------------------


def test_reload_makes_a_new_configuration() -> None:
    write("workers = 2\n")
    app = WSGIApplication()
    old = app.cfg
    write("workers = 3\ntimeout = 9\n")
    app.callable = print
    app.reload()
    assert app.cfg is not old
    assert (old.workers, app.cfg.workers, app.cfg.timeout) == (2, 3, 9)
    assert app.callable is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers = -1\n", "Value must be positive"),
        ("workers = = 1\n", "gunicorn.conf.py:1. SyntaxError"),
        ("tiemout = 1\n", "'timeout'"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("raise SystemExit(3)\n", "called exit(3)"),
        ("certfile = '/no/such/cert'\n", 'certfile "/no/such/cert" does not exist'),
    ],
)
def test_failed_reload_keeps_the_old_configuration(text: str, message: str) -> None:
    write("workers = 2\nraw_env = ['RELOADED=old']\n")
    app = WSGIApplication()
    app.set_environment(app.cfg.env)
    old = app.cfg
    app.callable = print
    write(text)
    with pytest.raises(ConfigError) as caught:
        app.reload()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert app.cfg is old
    assert app.callable is print
    assert os.environ["RELOADED"] == "old"


def test_reload_that_removes_the_named_file_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    write("workers = 2\n")
    monkeypatch.setattr(sys, "argv", [*sys.argv, "-c", "gunicorn.conf.py"])
    app = WSGIApplication()
    Path("gunicorn.conf.py").unlink()
    with pytest.raises(ConfigError, match=r"gunicorn\.conf\.py, from --config"):
        app.reload()
    assert app.cfg.workers == 2


def test_relative_paths_mean_the_same_after_chdir(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("site").mkdir()
    write("workers = 2\nchdir = 'site'\n")
    app = WSGIApplication()
    app.enter_directories()
    assert Path.cwd().name == "site"
    write_above = Path("..", "gunicorn.conf.py")
    write_above.write_text(write_above.read_text().replace("workers = 2", "workers = 5"))
    app.reload()
    assert app.cfg.workers == 5
    assert app.cfg.chdir == str(Path.cwd())
    assert Path.cwd().name == "site"


def test_embedder_s_mistake_on_reload_is_a_config_error() -> None:
    app = Embedded({"workers": 1, **CLASSES})
    old = app.cfg
    app.options = {"workers": "x"}
    with pytest.raises(ConfigError, match="Not a whole number"):
        app.reload()
    assert app.cfg is old


def test_reload_changes_the_environment_of_the_workers_to_come() -> None:
    os.environ["KEPT"] = "before"
    os.environ.pop("GONE", None)
    app = Embedded({"raw_env": ["KEPT=one", "GONE=one"], **CLASSES})
    app.set_environment(app.cfg.env)
    assert (os.environ["KEPT"], os.environ["GONE"]) == ("one", "one")
    app.options = {"raw_env": ["NEW=two"], **CLASSES}
    app.reload()
    assert (os.environ["KEPT"], os.environ["NEW"]) == ("before", "two")
    assert "GONE" not in os.environ


# -- preparation -----------------------------------------------------------------------------------


def test_python_path_gets_each_directory() -> None:
    Path("site").mkdir()
    here = str(Path.cwd())
    app = Embedded({"pythonpath": "lib, /srv/lib,", "chdir": "site"})
    app.enter_directories()
    assert sys.path[:3] == [f"{here}/site", f"{here}/lib", "/srv/lib"]
    assert str(Path.cwd()) == f"{here}/site"


def test_directory_that_went_away(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    app = Embedded({"chdir": str(gone)})
    gone.rmdir()
    with pytest.raises(ConfigError, match="Cannot change to the directory"):
        app.enter_directories()
