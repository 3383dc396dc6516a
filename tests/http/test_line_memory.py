"""Request lines are remembered; nobody may be able to tell."""

from __future__ import annotations

import pytest

from gunicorn.http import errors, requestline
from gunicorn.http.limits import Policy

STRICT = Policy()
LENIENT = Policy(
    casefold_http_method=True,
    permit_unconventional_http_method=True,
    permit_unconventional_http_version=True,
)


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requestline, "_LINES", {})


@pytest.mark.parametrize("line", ["GET /a%20b?c=d#e HTTP/1.1", "OPTIONS * HTTP/1.0"])
def test_a_line_seen_again_says_the_same(line: str) -> None:
    first = requestline.parse_request_line(line, STRICT)
    for _ in range(2):
        assert requestline.read_request_line(line.encode(), STRICT) == first
    assert list(requestline._LINES) == [line.encode()]


@pytest.mark.parametrize("line", [b"get / HTTP/1.1", b"mix / HTTP/1.1", b"GET / HTTP/1.9"])
def test_what_one_policy_permits_another_still_refuses(line: bytes) -> None:
    for _ in range(2):
        assert requestline.read_request_line(line, LENIENT)[1] == "/"
        with pytest.raises(errors.ProtocolError):
            requestline.read_request_line(line, STRICT)


def test_long_lines_are_not_kept_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requestline, "_LINES_MAX", 4)
    requestline.read_request_line(b"GET /" + b"a" * 128 + b" HTTP/1.1", STRICT)
    assert not requestline._LINES
    for number in range(20):
        requestline.read_request_line(b"GET /%d HTTP/1.1" % number, STRICT)
    assert len(requestline._LINES) <= 4
