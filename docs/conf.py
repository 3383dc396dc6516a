"""Sphinx configuration. What the code knows (settings, keys, verbs) is written from it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from gunicorn import __version__  # noqa: E402 - the path above comes first
from gunicorn.sites.keys import Key  # noqa: E402
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


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """A list-table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (head, *rows):
        lines += [f"   {'  ' if at else '* '}- {cell}" for at, cell in enumerate(row)]
    return "\n".join([*lines, ""])


def verbs() -> Iterator[str]:
    """The verbs of gunicornctl as definitions."""
    from gunicorn.sites import manual
    from gunicorn.sites.commands import COMMANDS

    for one in COMMANDS:
        if one.text:
            yield f"``gunicornctl {manual.synopsis(one)}``"
            root = " Root only." if one.for_root else ""
            yield f"   {one.text[0].upper()}{one.text[1:]}.{root} {one.more}".rstrip() + "\n"
            for argument in one.arguments:
                name = argument.options.get("metavar") or argument.name
                shown = name if not argument.name.startswith("-") else argument.name
                yield f"   * ``{shown}``: {argument.text}"
            yield ""


def site_keys(keys: Mapping[str, Key]) -> str:
    """The keys of a site file, or of a table in one."""
    rows = []
    for name, key in keys.items():
        default = {None: "", (): ""}.get(key.default, key.default)
        if name == "socket_mode":
            default = f"{key.default:04o}"
        shown = default if isinstance(default, str) else str(default).lower()
        rows.append((f"``{name}``", f"``{shown}``" if shown else "", key.text))
    return table(("key", "default", "meaning"), rows)


def write_generated(app: object) -> None:
    from gunicorn.config import manual
    from gunicorn.errors import ExitStatus
    from gunicorn.sites import keys
    from gunicorn.sites import manual as sites_manual

    out = HERE / "_generated"
    out.mkdir(exist_ok=True)
    settings = "\n".join(manual.rst())
    (HERE / "reference" / "settings.rst").write_text(settings, encoding="utf-8")
    texts = {
        "exit-statuses": table(
            ("status", "meaning"), [(one.value, one.meaning) for one in ExitStatus]
        ),
        "gunicornctl-statuses": table(("status", "meaning"), sites_manual.STATUSES.items()),
        "gunicornctl": "\n".join(verbs()),
        "site-keys": site_keys(keys.SITE_KEYS),
        "site-limits": site_keys(keys.LIMIT_KEYS),
        "site-sandbox": site_keys(keys.SANDBOX_KEYS),
        "site-refused": table(
            ("setting", "instead"), [(f"``{name}``", text) for name, text in keys.REFUSED.items()]
        ),
    }
    for name, text in texts.items():
        (out / f"{name}.inc").write_text(text, encoding="utf-8")


def setup(app: object) -> None:
    app.connect("builder-inited", write_generated)  # type: ignore[attr-defined]
