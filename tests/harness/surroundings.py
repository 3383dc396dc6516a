"""What every server process of the tests is started with, and how long anything may take."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tests.harness import processes

#: seconds any single wait may take before it counts as a failure; a loaded machine needs far less
DEADLINE = 30.0

ROOT = Path(__file__).resolve().parent.parent.parent


class ServerFailed(AssertionError):
    """The server did not do what every server must: start, answer, stop, leave nothing."""


def environment(mark: str, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Build the environment of a server: ours without what would configure it, plus ``extra``."""
    unwanted = ("PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "SCRIPT_NAME", "SENDFILE")
    unwanted_prefixes = ("GUNICORN_", "LISTEN_", "NOTIFY_", "WATCHDOG_", "PYTEST_", "COV_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in unwanted and not name.startswith(unwanted_prefixes)
    }
    kept["PYTHONPATH"] = str(ROOT)
    kept["PYTHONDONTWRITEBYTECODE"] = "1"
    kept["PYTHONWARNINGS"] = "default"
    kept[processes.MARK] = mark
    return kept | dict(extra or {})


def write_files(directory: Path, files: Mapping[str, str] | None) -> None:
    for name, text in (files or {}).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
