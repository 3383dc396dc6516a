"""Configuration files as people write them load with their meaning, or are refused with the line.

The files in ``samples/`` say at their top what must become of them: ``#=`` an expression over the
configuration that holds, ``#~`` a setting that is said to have no effect, ``#!`` the line number
and a part of the text that refuses the file. These lines count as lines.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gunicorn.config import Config, sources
from gunicorn.errors import ConfigError

FILES = sorted((Path(__file__).parent / "samples").glob("*.conf"))


class Names(dict[str, object]):
    """The attributes of a configuration, as names of an expression."""

    def __init__(self, cfg: Config) -> None:
        super().__init__(cpus=os.cpu_count())
        self.cfg = cfg

    def __missing__(self, name: str) -> object:
        try:
            return getattr(self.cfg, name)
        except AttributeError:
            raise KeyError(name) from None


def marked(text: str, mark: str) -> list[str]:
    return re.findall(rf"^#{re.escape(mark)} (.+)$", text, re.M)


def test_there_are_enough() -> None:
    assert len(FILES) >= 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_sample(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GUNICORN_PROCESSES", "GUNICORN_THREADS", "MAX_WORKERS", "WORKERS_PER_CORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GUNICORN_SAMPLE_TIMEOUT", "99")
    text = path.read_text()
    refusals = marked(text, "!")
    cfg = Config()
    problems: list[str] = []
    try:
        sources.apply_file(cfg, str(path), report=problems.append)
    except ConfigError as error:
        problems.append(str(error))
    if refusals:
        line, _, part = refusals[0].partition(": ")
        assert len(problems) == 1
        assert f"{path}:{line}." in problems[0]
        assert part in problems[0]
        return
    assert problems == []
    for expression in marked(text, "="):
        assert eval(expression, {}, Names(cfg)), expression
    warned = {warning.partition(",")[0] for warning in cfg.warnings}
    unknown_here = {name for name in marked(text, "~") if name not in cfg.settings}
    known_idle = {name for name in cfg.settings if cfg.settings[name].no_effect}
    assert unknown_here <= warned <= unknown_here | known_idle
