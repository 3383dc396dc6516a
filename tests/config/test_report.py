"""The configuration as a list: a table, lines, JSON."""

from __future__ import annotations

import json

from gunicorn.config import Config, report


class Terminal:
    def isatty(self) -> bool:
        return True


class Pipe:
    def isatty(self) -> bool:
        return False


def pre_fork(server: object, worker: object) -> None:
    pass


def example() -> Config:
    cfg = Config()
    cfg.assign("workers", 4, "conf.py:3")
    cfg.assign("umask", "022", "--umask")
    cfg.assign("raw_env", ["A=x\ty\n"], "conf.py:4")
    cfg.assign("pre_fork", pre_fork, "conf.py:5")
    cfg.assign("secure_scheme_headers", {"A": "b"}, "conf.py:6")
    return cfg


def rows() -> dict[str, list[str]]:
    lines = report.format_lines(example()).splitlines()
    return {line.split("\t")[0]: line.split("\t") for line in lines}


def test_each_setting_has_a_line_of_three_fields() -> None:
    found = rows()
    assert list(found) == sorted(Config().settings)
    assert all(len(fields) == 3 for fields in found.values())


def test_values_are_written_as_in_a_file() -> None:
    found = rows()
    assert found["workers"] == ["workers", "4", "conf.py:3"]
    assert found["umask"] == ["umask", "0o022", "--umask"]
    assert found["raw_env"] == ["raw_env", r"['A=x\ty']", "conf.py:4"]
    assert found["pidfile"] == ["pidfile", "None", "built-in"]
    assert found["pre_fork"][1] == f"{__name__}.pre_fork"
    assert found["control_socket_mode"][1] == "0o600"


def test_table_has_columns() -> None:
    lines = report.format_table(example()).splitlines()
    start = lines[0].index("VALUE")
    assert lines[0].split() == ["SETTING", "VALUE", "FROM"]
    assert len(lines) == len(Config().settings) + 1
    assert all(line[start - 1] == " " and line[start] != " " for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_json_has_value_and_origin() -> None:
    found = json.loads(report.format_json(example()))
    assert list(found) == sorted(Config().settings)
    assert found["workers"] == {"value": 4, "from": "conf.py:3"}
    assert found["secure_scheme_headers"]["value"] == {"A": "b"}
    assert found["pre_fork"]["value"] == f"{__name__}.pre_fork"
    assert found["pidfile"] == {"value": None, "from": "built-in"}


def test_form_follows_the_stream() -> None:
    cfg = Config()
    assert report.format_for(cfg, Terminal()) == report.format_table(cfg)
    assert report.format_for(cfg, Pipe()) == report.format_lines(cfg)


def test_one_worker_of_debug_is_shown_with_its_reason() -> None:
    cfg = example()
    cfg.assign("debug", True, "--debug")
    assert json.loads(report.format_json(cfg))["workers"] == {"value": 1, "from": "--debug"}
