"""Access lines: every atom, and no client that could break one."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gunicorn import accesslog

COMBINED = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
APACHE = re.compile(
    r'(\S+) (\S+) (\S+) (\[[^\]]+ [+-]\d{4}\]) "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-) '
    r'"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"'
)
SPAN = timedelta(days=1, seconds=2, microseconds=345678)


def environ(**others: str) -> dict[str, Any]:
    return {
        "REMOTE_ADDR": "192.0.2.7",
        "REQUEST_METHOD": "GET",
        "RAW_URI": "/a?b=c",
        "PATH_INFO": "/a",
        "QUERY_STRING": "b=c",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_REFERER": "http://x/",
        "HTTP_USER_AGENT": "agent",
        **others,
    }


def response(**others: Any) -> Any:
    given = {"status": "200 OK", "sent": 42, "headers": [("Content-Type", "text/plain")]}
    return SimpleNamespace(**(given | others))


REQUEST = SimpleNamespace(headers=[("X-ONE", "1"), ("X-TWO", "2"), ("X-ONE", "3")])


def line(text: str, resp: Any = None, req: Any = REQUEST, env: Any = None) -> str:
    return accesslog.Format(text).line(resp or response(), req, env or environ(), SPAN)


@pytest.mark.parametrize(
    ("atom", "value"),
    [
        ("h", "192.0.2.7"),
        ("l", "-"),
        ("u", "-"),
        ("r", "GET /a?b=c HTTP/1.1"),
        ("m", "GET"),
        ("U", "/a"),
        ("q", "b=c"),
        ("H", "HTTP/1.1"),
        ("s", "200"),
        ("b", "42"),
        ("B", "42"),
        ("f", "http://x/"),
        ("a", "agent"),
        ("T", "86402"),
        ("M", "86402345"),
        ("D", "86402345678"),
        ("L", "86402.345678"),
        ("p", f"<{os.getpid()}>"),
        ("{X-Two}i", "2"),
        ("{x-one}i", "1,3"),
        ("{none}i", "-"),
        ("{content-TYPE}o", "text/plain"),
        ("{none}o", "-"),
        ("{PATH_INFO}e", "/a"),
        ("{NONE}e", "-"),
        ("unknown", "-"),
    ],
)
def test_atom(atom: str, value: str) -> None:
    assert line(f"%({atom})s") == value


def test_time_has_a_zone() -> None:
    assert re.fullmatch(r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", line("%(t)s"))


def test_what_is_missing_is_a_dash() -> None:
    resp = response(sent=0, status=None, headers=[])
    assert line("%(h)s %(b)s %(B)s %(s)s %(f)s", resp, env={"X": ""}) == "- - 0 - -"
    assert line("%(r)s", env={"X": ""}) == "- - -"


def test_status_may_be_bytes_or_a_number() -> None:
    assert line("%(s)s", response(status=b"404 Not Found")) == "404"
    assert line("%(s)s", response(status=500)) == "500"


@pytest.mark.parametrize(
    ("header", "user"),
    [
        ("Basic YWxpY2U6c2VjcmV0", "alice"),
        ("basic  YWxpY2U6", "alice"),
        ("Basic OnNlY3JldA==", "-"),
        ("Basic !!!", "-"),
        ("Basic /w==", "-"),
        ("Bearer YWxpY2U6c2VjcmV0", "-"),
        ("", "-"),
    ],
)
def test_user(header: str, user: str) -> None:
    assert line("%(u)s", env=environ(HTTP_AUTHORIZATION=header)) == user


def test_request_may_be_a_list_of_pairs() -> None:
    assert line("%({A}i)s", req=[("a", "b")]) == "b"


def test_per_cent_and_quotes_of_the_format_stay() -> None:
    assert line('100%% "%(m)s"') == '100% "GET"'


@pytest.mark.parametrize("text", ["%(h)d", "%d", "%", "%(h"])
def test_other_conversions_are_not_compiled(text: str) -> None:
    with pytest.raises(ValueError, match="access_log_format"):
        accesslog.Format(text)


def test_quotes_backslashes_and_controls_are_escaped() -> None:
    env = environ(HTTP_USER_AGENT='a"b\\c\r\nd\x1b[31m\x7f\x9b')
    wanted = '"a\\"b\\\\c\\x0d\\x0ad\\x1b[31m\\x7f\\x9b"'
    assert line('"%(a)s"', env=env) == wanted


def test_ordinary_letters_of_the_world_stay() -> None:
    assert line("%(a)s", env=environ(HTTP_USER_AGENT="Zoë")) == "Zoë"


@given(st.text(), st.text(), st.text())
def test_no_client_breaks_a_line(uri: str, referer: str, agent: str) -> None:
    """Whatever is sent, it is one line, parses as Apache's, and its values are apart."""
    env = environ(RAW_URI=uri, HTTP_REFERER=referer or "-", HTTP_USER_AGENT=agent or "-")
    text = line(COMBINED, env=env)
    assert len(text.splitlines()) == 1
    match = APACHE.fullmatch(text)
    assert match is not None
    assert match[5] == f"GET {accesslog.escape(uri)} HTTP/1.1"
    assert match[8] == accesslog.escape(referer or "-")


@given(st.text(max_size=20))
def test_fast_and_slow_way_agree(value: str) -> None:
    env = environ(RAW_URI=value)
    atoms = accesslog.atoms(response(), REQUEST, env, SPAN)
    text = '"%(r)s" %(s)s %({x-one}i)s %({nope}i)s'
    mapped = text % accesslog.AtomsMapping({**atoms, "{x-one}i": "1,3"})
    assert line(text, env=env) == mapped
