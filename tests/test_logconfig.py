"""Logging as the user's own configuration says, and back to ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gunicorn import glogging, logconfig, syslog
from gunicorn.config import Config
from gunicorn.errors import ConfigError

LOGGERS = ("gunicorn.error", "gunicorn.access")

INI = """\
[loggers]
keys = root, error, access
[handlers]
keys = root, error, access
[formatters]
keys = plain
[logger_root]
level = INFO
handlers = root
[logger_error]
level = WARNING
handlers = error
propagate = 1
qualname = gunicorn.error
[logger_access]
level = INFO
handlers = access
propagate = 0
qualname = gunicorn.access
[handler_root]
class = FileHandler
formatter = plain
args = ("%(here)s/root.log",)
[handler_error]
class = FileHandler
formatter = plain
args = ("%(here)s/error.log",)
[handler_access]
class = FileHandler
formatter = plain
args = ("%(here)s/access.log",)
[formatter_plain]
format = %(levelname)s %(message)s
"""


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    root = logging.getLogger()
    for logger in map(logging.getLogger, LOGGERS):
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)  # pytest's own
    before, level = root.handlers[:], root.level
    yield
    root.setLevel(level)
    for logger in (root, *map(logging.getLogger, LOGGERS)):
        for handler in logger.handlers[:]:
            if logger is not root or handler not in before:
                logger.removeHandler(handler)
                handler.close()
        logger.disabled = False
    for handler in before:
        if handler not in root.handlers:
            root.addHandler(handler)
    for name in LOGGERS:
        logging.getLogger(name).propagate = False


def make_config(**given: Any) -> Config:
    cfg = Config()
    for name, value in given.items():
        cfg.assign(name, value, "conf.py:1")
    return cfg


def serve(log: glogging.Logger) -> None:
    answer = SimpleNamespace(status="200 OK", sent=3, headers=[])
    environ = {"REQUEST_METHOD": "GET", "RAW_URI": "/", "SERVER_PROTOCOL": "HTTP/1.1"}
    log.access(answer, SimpleNamespace(headers=[]), environ, timedelta())


def to_files(directory: Path) -> dict[str, Any]:
    return {
        "version": 1,
        "formatters": {"plain": {"format": "%(levelname)s %(message)s"}},
        "handlers": {
            name: {
                "class": "logging.FileHandler",
                "filename": str(directory / f"{name}.log"),
                "formatter": "plain",
            }
            for name in ("error", "access")
        },
        "loggers": {
            "gunicorn.error": {"level": "WARNING", "handlers": ["error"], "propagate": False},
            "gunicorn.access": {"level": "INFO", "handlers": ["access"], "propagate": False},
        },
    }


@pytest.fixture(params=["logconfig", "logconfig_json", "logconfig_dict"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """One of the three forms of the same configuration, as the setting that gives it."""
    document = to_files(tmp_path)
    value: Any = document
    if request.param == "logconfig":
        (tmp_path / "log.ini").write_text(INI)
        value = str(tmp_path / "log.ini")
    elif request.param == "logconfig_json":
        (tmp_path / "log.json").write_text(json.dumps(document))
        value = str(tmp_path / "log.json")
    return {request.param: value}


def test_lines_go_where_the_configuration_says(tmp_path: Path, given: dict[str, Any]) -> None:
    log = glogging.Logger(make_config(errorlog=str(tmp_path / "unused.log"), **given))
    assert log.access_wanted
    log.info("quiet")
    log.warning("loud")
    serve(log)
    assert (tmp_path / "error.log").read_text() == "WARNING loud\n"
    assert "GET / HTTP/1.1" in (tmp_path / "access.log").read_text()
    assert not (tmp_path / "unused.log").exists()
    assert log.loglevel == logging.WARNING


def test_set_up_again_adds_no_handler(tmp_path: Path, given: dict[str, Any]) -> None:
    cfg = make_config(**given)
    log = glogging.Logger(cfg)
    log.setup(cfg)
    glogging.Logger(cfg).warning("once")
    assert (tmp_path / "error.log").read_text() == "WARNING once\n"
    assert [len(logging.getLogger(name).handlers) for name in LOGGERS] == [1, 1]


def test_back_to_the_settings(tmp_path: Path, given: dict[str, Any]) -> None:
    glogging.Logger(make_config(**given))
    log = glogging.Logger(make_config(errorlog=str(tmp_path / "ours.log")))
    log.warning("ours")
    assert (tmp_path / "error.log").read_text() == ""
    assert (tmp_path / "ours.log").read_text().endswith("[WARNING] ours\n")
    assert handlers_of("gunicorn.access") == []


def test_rotated_file_is_reopened(tmp_path: Path, given: dict[str, Any]) -> None:
    log = glogging.Logger(make_config(**given))
    (tmp_path / "error.log").rename(tmp_path / "error.log.1")
    log.reopen_files()
    log.warning("new")
    assert (tmp_path / "error.log").read_text() == "WARNING new\n"


def test_root_alone_gets_everything(tmp_path: Path) -> None:
    document = to_files(tmp_path)
    del document["loggers"], document["handlers"]["access"]
    document["root"] = {"level": "INFO", "handlers": ["error"]}
    log = glogging.Logger(make_config(logconfig_dict=document))
    assert log.access_wanted
    log.info("told")
    serve(log)
    lines = (tmp_path / "error.log").read_text().splitlines()
    assert lines[0] == "INFO told"
    assert "GET / HTTP/1.1" in lines[1]


def test_defaults_of_a_dictionary(capsys: pytest.CaptureFixture[str]) -> None:
    mine = logging.getLogger("shop.made.before")
    log = glogging.Logger(
        make_config(
            logconfig_dict={"root": {"level": "INFO", "handlers": ["stderr"]}},
        )
    )
    log.info("told")
    assert "[INFO] told\n" in capsys.readouterr().err
    assert not mine.disabled


def test_strongest_form_wins(tmp_path: Path) -> None:
    (tmp_path / "log.ini").write_text(INI)
    (tmp_path / "log.json").write_text("{}")
    files = {"logconfig": str(tmp_path / "log.ini"), "logconfig_json": str(tmp_path / "log.json")}
    both = logconfig.read(make_config(**files))
    assert isinstance(both, dict)
    all_three = logconfig.read(make_config(logconfig_dict={"root": {"level": "INFO"}}, **files))
    assert isinstance(all_three, dict)
    assert all_three["root"] == {"level": "INFO"}
    assert logconfig.read(make_config()) is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("logconfig", "[a]\n", "has no section formatters, handlers, loggers"),
        ("logconfig", "nothing\n", "log config '"),
        ("logconfig", INI.replace("FileHandler", "NoHandler"), "logconfig, from conf.py:1: "),
        ("logconfig_json", "{", "is no JSON"),
        ("logconfig_json", "[]", "holds no object"),
        ("logconfig_json", '{"version": 2}', "logconfig_json, from conf.py:1: "),
    ],
)
def test_wrong_file_is_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        glogging.Logger(make_config(**{name: str(path)}))
    assert message in str(caught.value)
    assert "conf.py:1" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    for name in ("logconfig", "logconfig_json"):
        with pytest.raises(ConfigError, match=r"log config 'no' not found, from conf\.py:1"):
            glogging.Logger(make_config(**{name: "no"}))


# -- syslog beside the other logs ------------------------------------------------------------------


def handlers_of(name: str) -> list[type]:
    handlers = logging.getLogger(name).handlers
    # pytest puts handlers of its own on loggers that do not propagate
    return [type(handler) for handler in handlers if hasattr(handler, "_gunicorn")]


def test_syslog_gets_both_logs(tmp_path: Path) -> None:
    log = glogging.Logger(make_config(errorlog=str(tmp_path / "e.log"), syslog=True))
    assert syslog.SyslogHandler in handlers_of("gunicorn.error")
    assert handlers_of("gunicorn.access") == [syslog.SyslogHandler]
    assert log.access_wanted


def test_syslog_without_access_lines() -> None:
    glogging.Logger(make_config(syslog=True, disable_redirect_access_to_syslog=True))
    assert syslog.SyslogHandler in handlers_of("gunicorn.error")
    assert handlers_of("gunicorn.access") == []


def test_set_up_again_adds_no_syslog_handler() -> None:
    cfg = make_config(syslog=True)
    log = glogging.Logger(cfg)
    log.setup(cfg)
    glogging.Logger(cfg)
    assert handlers_of("gunicorn.error").count(syslog.SyslogHandler) == 1
    glogging.Logger(make_config())
    assert handlers_of("gunicorn.access") == []
    assert syslog.SyslogHandler not in handlers_of("gunicorn.error")


@pytest.mark.parametrize(
    ("given", "tag"),
    [
        ({"proc_name": "shop:app"}, b"gunicorn.shop.app.error: "),
        ({"proc_name": "x", "syslog_prefix": "shop"}, b"gunicorn.shop.error: "),
        ({"proc_name": "shop:make('x', n=[1])"}, b"gunicorn.shop.make..x...n..1...error: "),
    ],
)
def test_tag_names_the_server(given: dict[str, str], tag: bytes) -> None:
    glogging.Logger(make_config(syslog=True, **given))
    handler = logging.getLogger("gunicorn.error").handlers[-1]
    assert isinstance(handler, syslog.SyslogHandler)
    assert handler._tag == tag
