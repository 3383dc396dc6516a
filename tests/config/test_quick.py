"""The quick reader of command lines says what argparse says, or nothing."""

from __future__ import annotations

import contextlib
import io
import shlex
from typing import Any

import pytest

from gunicorn.config import Config, quick
from tests.config.test_settings import ROWS

LINES = [
    line
    for row in ROWS.values()
    for line, _ in row[2]
    if "--no-suppress" not in line  # argparse's own form of the flag, and left to it
]

UNDERSTOOD = [
    *LINES,
    "",
    "shop:app",
    "-w 4 shop:app",
    "shop:app -w 4 -b :80 -b :81 --daemon",
    "--workers=4 --bind=:80 --bind=:81",
    "--log-file - shop:app",
    "-n 'two words' shop:app",
    "--access-logformat='%(h)s = %(r)s'",
    "-w 0x10",
    "-w 4 -w 5",
    "--no-sendfile",
]

LEFT_TO_ARGPARSE = [
    "-h",
    "--version",
    "--json --print-config",
    "--site shop",
    "-w4",
    "-w",
    "-w x",
    "--workers=x",
    "--work 4",
    "--bogus",
    "-n -x",
    "-Dp x",
    "--daemon=yes",
    "-w=4",
    "-- shop:app",
    "-",
    "--no-suppress-ragged-eofs",
    "one two",
    "-n ''",
]


def by_argparse(words: list[str]) -> dict[str, Any]:
    with contextlib.redirect_stderr(io.StringIO()):
        found = vars(Config().parser().parse_args(words))
    return {name: value for name, value in found.items() if name != "json"}


@pytest.mark.parametrize("line", UNDERSTOOD)
def test_line_means_what_argparse_says(line: str) -> None:
    words = shlex.split(line)
    found = quick.parse(Config().settings, words)
    assert found is not None
    assert vars(found) == by_argparse(words)


@pytest.mark.parametrize("line", LEFT_TO_ARGPARSE)
def test_unclear_line_is_left_to_argparse(line: str) -> None:
    assert quick.parse(Config().settings, shlex.split(line)) is None


def test_other_options_are_absent() -> None:
    found = quick.parse(Config().settings, ["shop:app"], json=False, site=None)
    assert found is not None
    assert (found.json, found.site, found.args) == (False, None, ["shop:app"])


def test_parser_is_made_late_and_once() -> None:
    made: list[Any] = []

    def make() -> Any:
        made.append(Config().parser())
        return made[-1]

    parser = quick.LateParser(make)
    assert made == []
    assert parser.prog == "gunicorn"
    assert parser.usage is None
    assert len(made) == 1
