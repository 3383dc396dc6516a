"""The logger: where it writes, what a plugin may replace, and files that move."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gunicorn import accesslog, glogging
from gunicorn.config import Config
from gunicorn.errors import ConfigError

SPAN = timedelta(microseconds=5)
ENVIRON = {"REQUEST_METHOD": "GET", "RAW_URI": "/", "SERVER_PROTOCOL": "HTTP/1.1"}
RESPONSE = SimpleNamespace(status="200 OK", sent=3, headers=[])
REQUEST = SimpleNamespace(headers=[])
#: what a test expects of an access line of the above
LINE = "GET / HTTP/1.1 200\n"

Make = Callable[..., Any]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make loggers in a directory; put the two standard loggers back as they were."""

    def act(cls: type[glogging.Logger] = glogging.Logger, **others: Any) -> glogging.Logger:
        given = {
            "errorlog": str(tmp_path / "error.log"),
            "accesslog": str(tmp_path / "access.log"),
            "access_log_format": "%(r)s %(s)s",
        }
        # pytest puts handlers of its own on loggers that do not propagate.
        for name in ("gunicorn.error", "gunicorn.access"):
            logger = logging.getLogger(name)
            for handler in logger.handlers[:]:
                if type(handler).__name__ == "LogCaptureHandler":
                    logger.removeHandler(handler)
        cfg = Config()
        for name, value in (given | others).items():
            cfg.set(name, value)
        return cls(cfg)

    yield act
    for name in ("gunicorn.error", "gunicorn.access"):
        logger = logging.getLogger(name)
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
            handler.close()
        logger.filters.clear()


def serve(log: glogging.Logger) -> None:
    log.access(RESPONSE, REQUEST, dict(ENVIRON), SPAN)


# -- the error log ---------------------------------------------------------------------------------


def test_line_has_time_pid_and_level(make: Make, tmp_path: Path) -> None:
    make().info("Booting worker with pid: %s", 12)
    text = (tmp_path / "error.log").read_text()
    assert text.endswith(f"[{os.getpid()}] [INFO] Booting worker with pid: 12\n")
    assert text.startswith("[20")


def test_level_applies_to_the_error_log_alone(make: Make, tmp_path: Path) -> None:
    log = make(loglevel="ERROR")
    log.info("quiet")
    log.log("error", "loud")
    serve(log)
    assert (tmp_path / "error.log").read_text().count("\n") == 1
    assert (tmp_path / "access.log").read_text() == LINE
    assert log.loglevel == logging.ERROR


def test_nothing_reaches_the_root_logger(make: Make) -> None:
    seen: list[logging.LogRecord] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record)

    collector = Collector()
    logging.getLogger().addHandler(collector)
    try:
        log = make()
        log.error("once")
        serve(log)
    finally:
        logging.getLogger().removeHandler(collector)
    assert seen == []


def test_exception_takes_keywords(make: Make, tmp_path: Path) -> None:
    log = make()
    log.exception("it failed: %s", "x", exc_info=ValueError("cause"))
    assert "ValueError: cause" in (tmp_path / "error.log").read_text()


def test_dash_is_standard_error(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    log = make(errorlog="-", accesslog="-")
    log.error("here")
    serve(log)
    assert capsys.readouterr().err.endswith(f"here\n{LINE}")
    assert log.writes_to_stderr()


def test_unwritable_file_is_a_configuration_error_and_changes_nothing(
    make: Make, tmp_path: Path
) -> None:
    log = make()
    with pytest.raises(ConfigError, match="isn't writable"):
        make(errorlog=str(tmp_path / "nowhere" / "error.log"))
    with pytest.raises(ConfigError, match="isn't writable"):
        make(accesslog=str(tmp_path))
    log.error("still here")
    assert "still here" in (tmp_path / "error.log").read_text()


def test_second_set_up_stacks_no_handlers(make: Make, tmp_path: Path) -> None:
    first = make()
    foreign = logging.NullHandler()
    first.error_log.addHandler(foreign)
    second = make(accesslog=None)
    second.error("once")
    assert (tmp_path / "error.log").read_text().count("once") == 1
    assert foreign in second.error_log.handlers
    assert second.access_log.handlers == []


# -- the access log --------------------------------------------------------------------------------


def test_access_is_wanted_where_somebody_would_see_it(make: Make) -> None:
    class Own(glogging.Logger):
        def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None: ...

    assert make().access_wanted
    assert not make(accesslog=None).access_wanted
    assert make(Own, accesslog=None).access_wanted


def test_per_cent_from_a_client_is_no_conversion(make: Make, tmp_path: Path) -> None:
    log = make()
    log.access_log.addHandler(logging.NullHandler())
    log.access(RESPONSE, REQUEST, {**ENVIRON, "RAW_URI": "/%s%d%(x)s"}, SPAN)
    assert (tmp_path / "access.log").read_text() == "GET /%s%d%(x)s HTTP/1.1 200\n"


def test_filters_and_handlers_of_others_are_honoured(make: Make, tmp_path: Path) -> None:
    log = make()
    seen: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    log.access_log.addHandler(Collector())
    serve(log)
    log.access_log.addFilter(lambda record: False)
    serve(log)
    assert seen == [LINE.rstrip()]
    assert (tmp_path / "access.log").read_text() == LINE


def test_subclass_may_add_atoms(make: Make, tmp_path: Path) -> None:
    class Own(glogging.Logger):
        def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
            return super().atoms(resp, req, environ, request_time) | {"mine": 'a"b'}

    log = make(Own, access_log_format="%(mine)s %(s)s %(nope)s")
    serve(log)
    assert (tmp_path / "access.log").read_text() == 'a\\"b 200 -\n'


def test_subclass_may_wrap_atoms(make: Make, tmp_path: Path) -> None:
    class Shouting(accesslog.AtomsMapping):
        def __getitem__(self, key: str) -> Any:
            return str(super().__getitem__(key)).lower()

    class Own(glogging.Logger):
        atoms_wrapper_class = Shouting

    log = make(Own)
    serve(log)
    assert (tmp_path / "access.log").read_text() == LINE.lower()


def test_bad_format_is_told_and_harms_no_request(make: Make, tmp_path: Path) -> None:
    log = make(access_log_format="%(s)d")
    serve(log)
    assert "TypeError" in (tmp_path / "error.log").read_text()
    assert (tmp_path / "access.log").read_text() == ""


# -- files that move -------------------------------------------------------------------------------


def rotate(tmp_path: Path) -> None:
    for name in ("error.log", "access.log"):
        (tmp_path / name).rename(tmp_path / f"{name}.1")


def test_reopening_follows_the_path(make: Make, tmp_path: Path) -> None:
    log = make()
    serve(log)
    rotate(tmp_path)
    serve(log)
    log.reopen_files()
    serve(log)
    assert (tmp_path / "access.log.1").read_text() == LINE * 2
    assert (tmp_path / "access.log").read_text() == LINE


def test_reopening_that_fails_keeps_the_old_file_and_says_so(make: Make, tmp_path: Path) -> None:
    log = make()
    rotate(tmp_path)
    (tmp_path / "access.log").mkdir()
    log.reopen_files()
    serve(log)
    assert (tmp_path / "access.log.1").read_text() == LINE
    assert "cannot reopen" in (tmp_path / "error.log").read_text()


def test_files_of_other_loggers_are_reopened(make: Make, tmp_path: Path) -> None:
    log = make()
    path = tmp_path / "app.log"
    handler = logging.FileHandler(path)
    logger = logging.getLogger("tests.an_application")
    logger.addHandler(handler)
    try:
        path.rename(tmp_path / "app.log.1")
        log.reopen_files()
        logger.error("after")
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert path.read_text() == "after\n"


def test_captured_output_follows_too(make: Make, tmp_path: Path) -> None:
    """In a child: standard output is everybody's."""
    pid = os.fork()
    if pid == 0:
        log = make(capture_output=True)
        os.write(1, b"printed\n")
        rotate(tmp_path)
        log.reopen_files()
        os.write(2, b"printed later\n")
        os._exit(0)
    os.waitpid(pid, 0)
    assert (tmp_path / "error.log.1").read_text() == "printed\n"
    assert (tmp_path / "error.log").read_text() == "printed later\n"


def test_lines_of_several_processes_stay_whole_through_rotations(
    make: Make, tmp_path: Path
) -> None:
    """No line lost, none torn: every process writes a thousand, and the file moves all the time."""
    log = make(access_log_format="%(p)s %({n}e)s " + "x" * 200)
    pids = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            for number in range(1000):
                log.access(RESPONSE, REQUEST, {"n": str(number)}, SPAN)
                if number % 100 == 0:
                    log.reopen_files()
            os._exit(0)
        pids.append(pid)
    moved = 0
    while pids:
        moved += 1
        (tmp_path / "access.log").rename(tmp_path / f"moved.{moved}")
        (tmp_path / "access.log").touch()
        done, _ = os.waitpid(-1, os.WNOHANG)
        if done:
            pids.remove(done)
    lines: list[str] = []
    for path in (tmp_path / "access.log", *tmp_path.glob("moved.*")):
        lines += path.read_text().splitlines()
    assert len(lines) == 3000
    assert len(set(lines)) == 3000
    assert {len(line.split()) for line in lines} == {3}
