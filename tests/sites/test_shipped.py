"""What the package ships as files: units, log rotation, the welcome site, the generator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from gunicorn.sites import control, keys, welcome
from gunicorn.sites.outlet import Outlet
from gunicorn.sites.site import parse_site

TREE = Path(__file__).parents[2]


def unit(name: str) -> list[str]:
    return [
        line
        for line in (TREE / "systemd" / name).read_text().splitlines()
        if line and not line.startswith("#")
    ]


def test_the_template_avoids_what_was_tried_and_failed() -> None:
    lines = unit("gunicorn@.service")
    keys_used = {line.partition("=")[0] for line in lines}
    assert not keys_used & {"PIDFile", "RuntimeDirectory", "LogsDirectory", "WantedBy", "Before"}
    assert "%I" not in "\n".join(lines)
    for needed in (
        "KillMode=control-group",
        "NotifyAccess=main",
        "RestartPreventExitStatus=78 217",
        "StartLimitBurst=10",
        "StartLimitIntervalSec=60",
        "ExecStartPre=+/usr/bin/gunicornctl prepare %i",
        "ExecReload=/usr/bin/gunicornctl reload-site %i",
        "NoNewPrivileges=yes",
        "PartOf=gunicorn.service",
    ):
        assert needed in lines


def test_the_umbrella_has_no_ordering_to_its_sites() -> None:
    text = "\n".join(unit("gunicorn.service"))
    assert "gunicorn@" not in text
    assert "Before=" not in text


@pytest.mark.parametrize("name", ["gunicorn.service", "gunicorn@.service"])
def test_units_call_verbs_that_exist(name: str) -> None:
    parser = control.make_parser()
    for line in unit(name):
        _, sign, command = line.partition("=")
        words = command.lstrip("+").replace("%i", "shop").split()
        if sign and words and words[0] == "/usr/bin/gunicornctl":
            parser.parse_args(words[1:])


def test_the_welcome_site_file_is_right() -> None:
    path = TREE / "etc/gunicorn.d/welcome.conf"
    site = parse_site("welcome", path, path.read_bytes())
    assert (site.app, site.user) == ("gunicorn.sites.welcome:application", "gunicorn")
    assert site.settings == {"bind": "127.0.0.1:8000"}


def test_the_readme_names_every_key() -> None:
    text = (TREE / "etc/gunicorn.d/README").read_text()
    for key in [*keys.SITE_KEYS, *keys.LIMIT_KEYS]:
        if key != "mode":
            assert key in text


def test_rotation_never_copies_and_reopens_once() -> None:
    text = (TREE / "logrotate/gunicorn").read_text()
    assert "copytruncate" not in text
    words = text.split()
    for word in ("sharedscripts", "delaycompress", "create", "reopen-logs"):
        assert word in words


def ask(method: str, path: str) -> tuple[str, bytes]:
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path}
    environ |= {"QUERY_STRING": "", "SCRIPT_NAME": ""}
    setup_testing_defaults(environ)
    seen: list[str] = []
    body = validator(welcome.application)(
        environ, lambda status, headers, exc=None: seen.append(status)
    )
    try:
        return seen[0] if seen else "", b"".join(body)
    finally:
        body.close()


def test_the_welcome_page_shows_how_to_add_a_site() -> None:
    body = ask("GET", "/")[1]
    assert b"gunicornctl sync" in body
    assert b"/etc/gunicorn.d/shop.conf" in body
    assert b"%(" not in body
    assert ask("HEAD", "/")[1] == b""
    assert b"Nothing here" in ask("GET", "/x")[1]


def test_lines_of_a_site_are_named_cleaned_and_bounded() -> None:
    reader, writer = os.pipe()
    outlet = Outlet("shop", reader)
    assert outlet.take() == []
    os.write(writer, b"one\ntw")
    assert outlet.take() == ["[shop] one"]
    os.write(writer, b"o\x1b[2J\r\n\n" + b"x" * 5000)
    assert [len(line) for line in outlet.take()] == [len("[shop] two [2J "), 7 + 4096]
    os.write(writer, b"rest")
    os.close(writer)
    assert outlet.take() == []
    assert outlet.take() == ["[shop] rest"]
    assert outlet.is_closed
    outlet.close()
