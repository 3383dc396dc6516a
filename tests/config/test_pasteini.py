"""The settings in a PasteDeploy file: which section, which line, which of several."""

from __future__ import annotations

from pathlib import Path

import pytest

from gunicorn.config import Config, pasteini
from gunicorn.errors import ConfigError

NAMES = Config().settings


def read(directory: Path, text: str, *pairs: str) -> tuple[dict[str, tuple[str, str]], list[str]]:
    path = directory / "x.ini"
    path.write_text(text)
    ini = pasteini.Ini(str(path), pasteini.parse_variables(pairs))
    values, warnings = pasteini.read_settings(ini, NAMES)
    prefix = f"{directory}/"
    return (
        {key: (value, place.removeprefix(prefix)) for key, (value, place) in values.items()},
        [warning.replace(prefix, "") for warning in warnings],
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server:main]\nworkers = 2\n", {"workers": ("2", "x.ini:2")}),
        ("[server:main]\n\n# a\nworkers: 2\n", {"workers": ("2", "x.ini:4")}),
        ("[server:main]\nWorkers = 2\n", {"workers": ("2", "x.ini:2")}),
        ("[server:main]\nworkers = 2\nworkers = 3\n", {"workers": ("3", "x.ini:3")}),
        # another server, another section
        ("[server:other]\nworkers = 2\n[app:main]\ntimeout = 3\n", {}),
        ("[server:main]\nuse = egg:gunicorn#main\nunknown = 1\nset x = 1\n", {}),
        ("", {}),
        # a setting that only the command line can make
        ("[server:main]\nconfig = x.py\n", {}),
        # [DEFAULT] counts, the section is stronger
        ("[DEFAULT]\ndebug = true\n", {"debug": ("true", "x.ini:2")}),
        (
            "[DEFAULT]\ntimeout = 1\nkeepalive = 1\n[server:main]\ntimeout = 2\n",
            {"timeout": ("2", "x.ini:5"), "keepalive": ("1", "x.ini:3")},
        ),
        ("[DEFAULT]\nn = 3\n[server:main]\nworkers = %(n)s\n", {"workers": ("3", "x.ini:4")}),
        # PasteDeploy's words
        ("[DEFAULT]\ntimeout=1\n[server:main]\nset timeout = 2\n", {"timeout": ("2", "x.ini:4")}),
        ("[DEFAULT]\nn = 4\n[server:main]\nget workers = n\n", {"workers": ("4", "x.ini:4")}),
        (
            "[server:base]\nworkers = 2\ntimeout = 2\n[server:main]\nuse = base\ntimeout = 3\n",
            {"workers": ("2", "x.ini:2"), "timeout": ("3", "x.ini:6")},
        ),
        # addresses
        ("[server:main]\nhost = h\nport = 80\n", {"bind": ("h:80", "x.ini:2")}),
        ("[server:main]\nport = 80\n", {"bind": ("127.0.0.1:80", "x.ini:2")}),
        ("[server:main]\nhost = ::1\nport = 80\n", {"bind": ("[::1]:80", "x.ini:2")}),
        ("[server:main]\nhost = unix:/x\nport = 80\n", {"bind": ("unix:/x", "x.ini:2")}),
        ("[server:main]\nhost = h\nport =\n", {"bind": ("h", "x.ini:2")}),
        ("[server:main]\nbind = b:1\nhost = h\nport = 80\n", {"bind": ("b:1", "x.ini:2")}),
    ],
)
def test_file_gives(tmp_path: Path, text: str, expected: dict[str, tuple[str, str]]) -> None:
    assert read(tmp_path, text) == (expected, [])


def test_here_is_the_directory_of_the_file(tmp_path: Path) -> None:
    directory = tmp_path / "100%"
    directory.mkdir()
    text = "[server:main]\npidfile = %(here)s/pid\nerrorlog = %(__file__)s.log\n"
    values, _ = read(directory, text)
    assert values["pidfile"][0] == f"{directory}/pid"
    assert values["errorlog"][0] == f"{directory}/x.ini.log"


def test_section_of_another_file_keeps_its_lines(tmp_path: Path) -> None:
    (tmp_path / "base.ini").write_text("[server:main]\nworkers = 2\n[server:big]\nworkers = 9\n")
    assert read(tmp_path, "[server:main]\nuse = config:base.ini\n")[0] == {
        "workers": ("2", "base.ini:2")
    }
    assert read(tmp_path, "[server:main]\nuse = config:base.ini#big\n")[0] == {
        "workers": ("9", "base.ini:4")
    }


def test_variables_beside_the_file_are_strongest(tmp_path: Path) -> None:
    text = "[DEFAULT]\ntimeout = 1\n[server:main]\nworkers = 2\nport = %(p)s\n"
    values, _ = read(tmp_path, text, "workers=5", "timeout=6", "p=80", "100=%")
    assert {key: value for key, (value, _) in values.items()} == {
        "workers": "5",
        "timeout": "6",
        "bind": "127.0.0.1:80",
    }
    assert values["workers"][1] == "the global variables"


def test_mistyped_key_of_the_section_is_named(tmp_path: Path) -> None:
    _, warnings = read(tmp_path, "[DEFAULT]\nwokers = 1\n[server:main]\nuse = x\nworkrs = 2\n")
    assert warnings == [
        "'workrs', from x.ini:5, is no setting and has no effect. The nearest setting is 'workers'"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers = 2\n", "x.ini. File contains no section headers"),
        ("[server:main]\nworkers = %(n)s\n", "x.ini:2: Bad value substitution"),
        ("[server:main]\nuse = main\n", "x.ini:2: server:main uses itself"),
        ("[server:a]\nuse = main\n[server:main]\nuse = a\n", "uses itself"),
        ("[server:main]\nuse = config:no.ini\n", "no.ini. No such file or directory"),
    ],
)
def test_file_that_cannot_be_read(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Config file not found: "):
        pasteini.Ini(str(tmp_path / "x.ini"), {})


def test_file_without_loggers(tmp_path: Path) -> None:
    (tmp_path / "x.ini").write_text("[loggers]\nkeys = root\n")
    assert pasteini.Ini(str(tmp_path / "x.ini"), {}).has_loggers
    (tmp_path / "x.ini").write_text("[app:main]\n")
    assert not pasteini.Ini(str(tmp_path / "x.ini"), {}).has_loggers
