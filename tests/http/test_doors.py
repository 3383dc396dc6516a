"""The documented doors: RequestParser, Request, create and friends (behaviour reference 3.12)."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import pytest

import gunicorn.http
from gunicorn.http import body, errors, message, parser, proxy, wsgi
from tests.http.answering import Sink
from tests.http.test_limits import config
from tests.http.test_requests import chunked, get


def test_names_are_importable_where_users_look() -> None:
    assert gunicorn.http.Request is message.Request
    assert gunicorn.http.RequestParser is parser.RequestParser
    with pytest.raises(AttributeError):
        _ = gunicorn.http.Nothing


def test_package_is_light() -> None:
    program = (
        "import sys, gunicorn.http; "
        "sys.exit(any(name.startswith('gunicorn.http.') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


class Socket:
    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)

    def recv(self, size: int) -> bytes:
        return self.file.read(min(size, 7))


STREAM = (
    chunked(b"5\r\nhello\r\n6\r\n world\r\n0\r\nX: y\r\n\r\n")
    + get("Content-Length: 3", body=b"abc")
    + get("Connection: close")
    + get()
)


@pytest.mark.parametrize(
    "make_source",
    [
        lambda: Socket(STREAM),
        lambda: [STREAM],
        lambda: [b"", STREAM[:9], b"", STREAM[9:]],
        lambda: (bytes([byte]) for byte in STREAM),
    ],
    ids=["socket", "whole", "pieces", "bytes"],
)
@pytest.mark.parametrize("reads", [True, False], ids=["read", "left"])
def test_parser_iterates_over_requests(make_source: Any, reads: bool) -> None:
    requests = parser.RequestParser(config(), make_source())
    bodies = []
    for number, request in enumerate(requests, 1):
        assert request.req_number == number
        if reads:
            bodies.append(request.body.read())
            assert list(request.trailers) == ([("X", "y")] if number == 1 else [])
    assert requests.req_count == 3
    assert bodies == ([b"hello world", b"abc", b""] if reads else [])


def test_parser_ends_at_a_clean_end_and_raises_at_others() -> None:
    assert len(list(parser.RequestParser(config(), [get(), get()]))) == 2
    for data in (get()[:-1], get("Content-Length: 5")):
        with pytest.raises(errors.NoMoreData):
            list(parser.RequestParser(config(), [data]))
    with pytest.raises(errors.InvalidRequestLine):
        list(parser.RequestParser(config(), [b"x\r\n\r\n"]))


def test_truncated_body_raises_when_read() -> None:
    (request,) = [next(parser.RequestParser(config(), [get("Content-Length: 5", body=b"abc")]))]
    assert request.body.read(3) == b"abc"
    with pytest.raises(OSError, match="No more data"):
        request.body.read()


def test_parser_knows_its_peer() -> None:
    proxied = b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + get()
    cfg = config(proxy_protocol=True)
    assert next(parser.RequestParser(cfg, [proxied], ("127.0.0.1", 1))).proxy_protocol_info
    with pytest.raises(errors.ForbiddenProxyRequest):
        next(parser.RequestParser(cfg, [proxied], ("192.0.2.1", 1)))


def test_request_takes_itself_from_an_unreader() -> None:
    cfg = config()
    unreader = parser.Unreader(cfg, [get(line="GET /a?b HTTP/1.1")])
    request = message.Request(cfg, unreader, 7)
    assert (request.uri, request.req_number, request.unreader) == ("/a?b", 7, unreader)
    assert request.limit_request_line == 4094
    assert (request.limit_request_fields, request.limit_request_field_size) == (100, 8190)
    request.anything = 1  # hooks hang things on requests


def test_create_gives_response_and_environ() -> None:
    cfg = config(workers=2)
    request = next(parser.RequestParser(cfg, [get()]))
    sink = Sink()
    resp, environ = wsgi.create(request, sink, ("192.0.2.7", 5), ("192.0.2.1", 80), cfg)
    assert environ["REMOTE_ADDR"] == "192.0.2.7"
    assert environ["SERVER_NAME"] == "192.0.2.1"
    assert environ["wsgi.multiprocess"] is True
    assert environ["wsgi.file_wrapper"] is wsgi.FileWrapper
    assert environ["gunicorn.socket"] is sink
    assert (resp.req, resp.sock, resp.cfg) == (request, sink, cfg)


def test_default_environ() -> None:
    cfg = config()
    request = next(parser.RequestParser(cfg, [get()]))
    assert wsgi.base_environ(cfg)["wsgi.multiprocess"] is False
    environ = wsgi.default_environ(request, None, cfg)
    assert environ["wsgi.input"] is body.EMPTY
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert "HTTP_HOST" not in environ


@pytest.mark.parametrize(
    ("texts", "addr", "believed"),
    [
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.1"], "127.0.0.2", False),
        (["127.0.0.1"], "", True),
        ([], "127.0.0.1", False),
        ([], "", True),
        (["*"], "192.0.2.1", True),
        (["10.0.0.0/8", "::1"], "10.9.8.7", True),
        (["10.0.0.1/8"], "10.9.8.7", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
        (["2001:db8::/32"], "2001:db8::9", True),
        (["127.0.0.1"], "::ffff:127.0.0.1", True),
        (["fe80::1"], "fe80::1%eth0", True),
        (["127.0.0.1"], "no address", False),
    ],
)
def test_trust(texts: list[str], addr: str, believed: bool) -> None:
    trust = proxy.Trust(texts)
    assert [trust.believes(addr) for _ in range(2)] == [believed, believed]


def test_trust_refuses_what_is_no_address_and_stays_small() -> None:
    with pytest.raises(ValueError, match="localhost"):
        proxy.Trust(["localhost"])
    trust = proxy.Trust(["10.0.0.0/8"])
    for number in range(5000):
        trust.believes(f"10.0.{number // 256}.{number % 256}")
    assert len(trust._verdicts) <= 1024
