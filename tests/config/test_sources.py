"""Configuration files, the environment, and who overrides whom."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import pytest

from gunicorn.app.base import Application
from gunicorn.config import Config, sources
from gunicorn.errors import ConfigError


class App(Application):
    """Configured as the command is; the command line and the directory are the test's."""

    framework: dict[str, Any] = {}

    def init(self, parser: Any, opts: Any, args: list[str]) -> Any:
        return self.framework


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "GUNICORN_CMD_ARGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gunicorn"])
    monkeypatch.setattr(sys, "path", list(sys.path))


def write(text: str, name: str = "gunicorn.conf.py") -> None:
    Path(name).write_text(text)


# -- precedence ------------------------------------------------------------------------------------

#: weakest first: how each source sets `workers`, and the origin it leaves
SOURCES = ["variable", "framework", "file", "cmd_args", "flag"]
ORIGINS = {
    "variable": "$WEB_CONCURRENCY",
    "framework": "the application",
    "file": "gunicorn.conf.py:1",
    "cmd_args": "--workers in $GUNICORN_CMD_ARGS",
    "flag": "--workers",
}


@pytest.mark.parametrize(("weak", "strong"), list(itertools.combinations(SOURCES, 2)))
def test_stronger_source_wins(monkeypatch: pytest.MonkeyPatch, weak: str, strong: str) -> None:
    for number, source in ((3, weak), (5, strong)):
        if source == "variable":
            monkeypatch.setenv("WEB_CONCURRENCY", str(number))
        elif source == "framework":
            monkeypatch.setattr(App, "framework", {"WORKERS": str(number)})
        elif source == "file":
            write(f"workers = {number}\n")
        elif source == "cmd_args":
            monkeypatch.setenv("GUNICORN_CMD_ARGS", f"-w {number}")
        else:
            monkeypatch.setattr(sys, "argv", ["gunicorn", "-w", str(number)])
    cfg = App().cfg
    assert cfg.workers == 5
    assert cfg.origin("workers") == ORIGINS[strong]


def test_nothing_set_is_built_in() -> None:
    cfg = App().cfg
    assert {cfg.origin(name) for name in cfg.settings} == {"built-in"}


def test_bind_flags_replace_the_file_s_list(monkeypatch: pytest.MonkeyPatch) -> None:
    write("bind = 'unix:/tmp/bar/baz'\nworkers = 3\nproc_name = 'fooey'\n")
    monkeypatch.setattr(sys, "argv", ["gunicorn", "-b", "blarney"])
    cfg = App().cfg
    assert (cfg.bind, cfg.workers, cfg.proc_name) == (["blarney"], 3, "fooey")
    assert cfg.address == [("blarney", 8000)]


def test_named_file_replaces_the_default_one(monkeypatch: pytest.MonkeyPatch) -> None:
    write("workers = 3\n")
    write("timeout = 9\n", "other.conf")
    monkeypatch.setattr(sys, "argv", ["gunicorn", "-c", "other.conf"])
    cfg = App().cfg
    assert (cfg.workers, cfg.timeout, cfg.config) == (1, 9, "other.conf")


def test_file_named_on_the_command_line_beats_the_variable_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("workers = 3\n", "three.py")
    write("workers = 5\n", "five.py")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "-c three.py")
    assert App().cfg.workers == 3
    monkeypatch.setattr(sys, "argv", ["gunicorn", "-c", "five.py"])
    assert App().cfg.workers == 5


# -- the environment -------------------------------------------------------------------------------


def test_variables_of_platforms() -> None:
    cfg = Config()
    variables = {"PORT": "99", "WEB_CONCURRENCY": "3", "FORWARDED_ALLOW_IPS": "10.0.0.1,*"}
    sources.apply_environment(cfg, variables)
    assert cfg.bind == ["0.0.0.0:99"]
    assert cfg.workers == 3
    assert cfg.forwarded_allow_ips == ["10.0.0.1", "*"]
    assert cfg.origin("bind") == "$PORT"


def test_empty_variable_counts_as_absent() -> None:
    cfg = Config()
    sources.apply_environment(cfg, {"PORT": "", "WEB_CONCURRENCY": ""})
    assert cfg.origin("bind") == cfg.origin("workers") == "built-in"


def test_plain_configuration_ignores_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "99")
    assert Config().bind == ["127.0.0.1:8000"]


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"PORT": "http"}, "from $PORT. 'http' is not a valid port number."),
        ({"WEB_CONCURRENCY": "many"}, "Invalid value for workers: 'many', from $WEB_CONCURRENCY."),
    ],
)
def test_wrong_variable_is_named(variables: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sources.apply_environment(Config(), variables)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("--bogus", "unrecognized arguments: --bogus"),
        ("-w x", "argument -w/--workers: invalid int value: 'x'"),
        ("-w", "argument -w/--workers: expected one argument"),
        ("app:app", "'app:app' is no option"),
        ("-n 'x", "No closing quotation"),
    ],
)
def test_unintelligible_options_in_the_variable(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sources.parse_variable(Config(), {"V": text}, "V")
    assert str(caught.value).startswith("$V: ")
    assert problem in str(caught.value)


def test_variable_is_split_as_by_a_shell() -> None:
    options = sources.parse_variable(Config(), {"V": "-n 'two words' -b a -b b"}, "V")
    assert options is not None
    assert (options.proc_name, options.bind) == ("two words", ["a", "b"])
    assert sources.parse_variable(Config(), {}, "V") is None


# -- files: what they see --------------------------------------------------------------------------


def test_names_a_file_sees() -> None:
    write("proc_name = '|'.join([__name__, __file__, str(__doc__), str(__package__)])\n")
    assert App().cfg.proc_name == "__config__|gunicorn.conf.py|None|None"


def test_file_may_have_any_name_and_import_its_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("COUNT = 6\n", "neighbour_of_config.py")
    write("from neighbour_of_config import COUNT\nworkers = COUNT\n", "shop.cfg")
    monkeypatch.setattr(sys, "argv", ["gunicorn", "-c", "file:shop.cfg"])
    assert App().cfg.workers == 6


def test_module_as_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("confpackage").mkdir()
    write("", "confpackage/__init__.py")
    write("\nworkers = 6\n", "confpackage/web.py")
    monkeypatch.setattr(sys, "argv", ["gunicorn", "-c", "python:confpackage.web"])
    app = App()
    assert app.cfg.workers == 6
    assert app.cfg.origin("workers").endswith("confpackage/web.py:2")
    write("\nworkers = 77\n", "confpackage/web.py")
    app.reload()
    assert app.cfg.workers == 77


def test_dataclass_in_a_file() -> None:
    write(
        "from __future__ import annotations\nimport dataclasses\n"
        "@dataclasses.dataclass\nclass Size:\n    number: int = 4\n"
        "workers = Size().number\n"
    )
    assert App().cfg.workers == 4


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("workers = 2\n", 1),
        ("import os\n\nworkers = 1\nworkers += 1\n", 4),
        ("if True:\n    workers = 2\nelse:\n    workers: int = 3\n", 4),
        ("a, workers = 1, 2\nprint(a)\n", 1),
        ("for workers in (1, 2):\n    pass\n", 1),
        ("try:\n    workers = 2\nexcept ValueError:\n    pass\n", 2),
        ("def f():\n    workers = 9\n\nworkers = 2\nx = [workers for workers in ()]\n", 4),
    ],
)
def test_origin_is_the_last_line_that_assigns(text: str, line: int) -> None:
    write(text)
    cfg = App().cfg
    assert cfg.workers == 2
    assert cfg.origin("workers") == f"gunicorn.conf.py:{line}"


def test_origin_of_functions_imports_and_magic() -> None:
    write(
        "from tests.config.test_settings import hook as pre_fork\n"
        "def on_exit(server):\n    pass\n"
        "globals()['workers'] = 2\n"
    )
    cfg = App().cfg
    assert cfg.origin("pre_fork") == "gunicorn.conf.py:1"
    assert cfg.origin("on_exit") == "gunicorn.conf.py:2"
    assert cfg.origin("workers") == "gunicorn.conf.py"


def test_config_in_a_file_has_no_effect() -> None:
    write("config = 'elsewhere.py'\n")
    assert App().cfg.config == "gunicorn.conf.py"


# -- files: names that are no setting --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "nearest", "line"),
    [
        ("tiemout = 5\n", "timeout", 1),
        ("bind = ':1'\n\nworker = 4\n", "workers", 3),
        ("WORKERS = 4\n", "workers", 1),
        ("log_level = 'debug'\n", "loglevel", 1),
        ("max_request = 5\n", "max_requests", 1),
        ("workers = 2\nworker_clas = 'sync'\n", "worker_class", 2),
        ("if True:\n    pid_file = 'x'\n", "pidfile", 2),
    ],
)
def test_mistyped_setting_is_an_error(text: str, nearest: str, line: int) -> None:
    write(text)
    with pytest.raises(ConfigError) as caught:
        sources.apply_file(Config(), "gunicorn.conf.py")
    assert f"from gunicorn.conf.py:{line}. " in str(caught.value)
    assert f"'{nearest}'" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "import multiprocessing\nworkers = multiprocessing.cpu_count() * 2 + 1\n",
        "_tiemout = 5\n",
        "database = 'x'\nDEBUG_TOOLBAR = 1\ncores = 4\n",
        "n_workers = 4\nworkers = n_workers\n",
        "n_workers = 4\nworkers = 4\n",
        "worker = 4\nprint(worker)\n",
        "def timeuot():\n    pass\n",
        "class Worker:\n    tiemout = 4\n",
        "def f():\n    tiemout = 4\n",
        "import json as user\n",
        "workers = [worker for worker in (3,)][0]\n",
        "from os import path as errorlogs\n",
    ],
)
def test_other_names_are_the_user_s_business(text: str) -> None:
    write(text)
    sources.apply_file(Config(), "gunicorn.conf.py")


@pytest.mark.parametrize(
    "name", [*sorted(sources.WITHOUT_EFFECT), "asgi_loop", "dirty_workers", "http2_max_streams"]
)
def test_setting_of_other_versions_loads_with_a_warning(name: str) -> None:
    write(f"\n{name} = 1\n")
    cfg = Config()
    sources.apply_file(cfg, "gunicorn.conf.py")
    assert len(cfg.warnings) == 1
    assert cfg.warnings[0].startswith(f"{name}, from gunicorn.conf.py:2, ")


# -- files: mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers = -1\n", "Invalid value for workers: -1, from gunicorn.conf.py:1. Value must be"),
        ("\nx = 1 / 0\n", "gunicorn.conf.py:2. ZeroDivisionError: division by zero"),
        (
            "def f():\n    raise ValueError('two\\nlines')\n\nf()\n",
            "gunicorn.conf.py:2. ValueError: two lines",
        ),
        ("import json\n\njson.loads('{')\n", "gunicorn.conf.py:3. JSONDecodeError"),
        ("import no_such_module\n", "gunicorn.conf.py:1. ModuleNotFoundError: No module named"),
        ("workers = 1\nworkers = = 2\n", "gunicorn.conf.py:2. SyntaxError: invalid syntax"),
        ("x = '\xff'\n".encode("latin-1"), "gunicorn.conf.py"),
        (b"x = '\0'\n", "gunicorn.conf.py"),
    ],
)
def test_mistake_in_a_file_is_one_line(text: str | bytes, message: str) -> None:
    Path("gunicorn.conf.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        sources.apply_file(Config(), "gunicorn.conf.py")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("missing.py", "missing.py, from --config. No such file or directory"),
        ("file:missing.py", "missing.py, from --config. No such file or directory"),
        (".", "., from --config. Is a directory"),
        ("python:no.such.module", "'no.such.module', from --config. Not found"),
        ("python:", "'', from --config. Not found"),
    ],
)
def test_file_that_cannot_be_read(location: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sources.apply_file(Config(), location, "--config")
    assert message in str(caught.value)


def test_exit_in_a_file_keeps_its_status() -> None:
    write("import sys\nsys.exit(7)\n")
    with pytest.raises(SystemExit) as caught:
        App()
    assert caught.value.code == 7


def test_unknown_name_from_the_framework() -> None:
    with pytest.raises(ConfigError, match="No setting named 'nothing', from the application"):
        sources.apply_framework(Config(), {"nothing": 1}, "the application")
