"""Sphinx configuration; the settings and the exit statuses are written from the code each time."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from gunicorn import __version__  # noqa: E402 - the path above comes first
from gunicorn.workers.sync import SyncWorker  # noqa: E402

project = "Gunicorn"
author = "Gunicorn developers"
project_copyright = "2026, the Gunicorn developers"
version = release = __version__
extensions: list[str] = []
exclude_patterns = ["_build", "_generated"]
html_theme = "alabaster"
html_theme_options = {"description": "Pre-fork WSGI server and its sites"}
nitpicky = True


#: what a client is granted, as the worker has it
_names = ("HEAD", "BODY", "DRAIN", "SHAKE", "PATIENCE")
rst_epilog = "\n".join(
    [
        *(
            f".. |{name}_SECONDS| replace:: {getattr(SyncWorker, f'{name}_SECONDS'):g}"
            for name in _names
        ),
        f".. |BODY_RATE| replace:: {SyncWorker.BODY_RATE}",
        f".. |STREAM_MIB| replace:: {SyncWorker.STREAM_ABOVE >> 20}",
        f".. |PATIENCE_KIB| replace:: {SyncWorker.PATIENCE_RATE >> 10}",
    ]
)


def write_generated(app: object) -> None:
    from gunicorn.config import manual
    from gunicorn.errors import ExitStatus
    from gunicorn.sites import control

    out = HERE / "_generated"
    out.mkdir(exist_ok=True)
    os.environ["COLUMNS"] = "100"  # argparse asks the terminal otherwise
    (out / "gunicornctl.txt").write_text(control.make_parser().format_help(), encoding="utf-8")
    settings = "\n".join(manual.rst())
    (HERE / "reference" / "settings.rst").write_text(settings, encoding="utf-8")
    rows = [f"   * - {status.value}\n     - {status.meaning}" for status in ExitStatus]
    head = ".. list-table::\n   :header-rows: 1\n\n   * - status\n     - meaning"
    (out / "exit-statuses.inc").write_text("\n".join([head, *rows, ""]), encoding="utf-8")


def setup(app: object) -> None:
    app.connect("builder-inited", write_generated)  # type: ignore[attr-defined]
