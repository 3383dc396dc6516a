"""The pure parts of an answer: dates, error pages, interim responses."""

from __future__ import annotations

import email.utils
import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gunicorn.http import errors, response


@given(st.integers(0, 253402300799))
def test_date_is_that_of_the_standard_library(now: int) -> None:
    assert response.http_date(now) == email.utils.formatdate(now, usegmt=True)
    assert response.date_bytes(now + 0.9).decode() == response.http_date(now)


def parsed(page: bytes) -> tuple[http.client.HTTPResponse, bytes]:
    class Sock:
        def makefile(self, *args: object) -> io.BytesIO:
            return io.BytesIO(page)

    reply = http.client.HTTPResponse(Sock())  # type: ignore[arg-type]
    reply.begin()
    return reply, reply.read()


def test_error_page_has_the_documented_shape() -> None:
    page = response.error_page(400, "Bad Request", "what was wrong")
    reply, body = parsed(page)
    assert (reply.status, reply.reason) == (400, "Bad Request")
    assert [name for name, _ in reply.getheaders()] == [
        *("Connection", "Content-Type", "Content-Length"),
    ]
    assert reply.getheader("Connection") == "close"
    assert reply.getheader("Content-Type") == "text/html"
    assert page.endswith(body)
    assert len(body) == int(reply.getheader("Content-Length") or "")  # B#25
    assert b"<title>Bad Request</title>" in body
    assert b"<h1>Bad Request</h1>" in body
    assert b"<p>what was wrong</p>" in body


@given(st.text(), st.text())
def test_error_page_is_exact_and_escaped_whatever_it_says(message: str, traceback: str) -> None:
    page = response.error_page(500, "Internal Server Error", message, traceback=traceback)
    head, _, body = page.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    empty = response.error_page(
        500, "Internal Server Error", "x" * bool(message), traceback="x" * bool(traceback)
    )
    for mark in (b"<", b">"):
        assert body.count(mark) == empty.count(mark), "B#7: client text must not become markup"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.InvalidRequestLine("x"), "Invalid Request Line 'Invalid HTTP request line: 'x''"),
        (errors.InvalidRequestMethod("x"), "Invalid Method 'Invalid HTTP method: 'x''"),
        (errors.InvalidHTTPVersion("x"), "Invalid HTTP Version 'Invalid HTTP Version: 'x''"),
        (errors.InvalidHeader("X"), "Invalid HTTP Header: X"),
        (errors.InvalidHeaderName("X"), "Invalid HTTP header name: 'X'"),
        (errors.LimitRequestLine(9, 8), "Request Line is too large (9 > 8)"),
        (errors.LimitRequestHeaders("limit"), "Error parsing headers: 'limit'"),
        (errors.InvalidProxyLine("x"), "Invalid PROXY line: 'x'"),
        (errors.ForbiddenProxyRequest("x"), "Request forbidden"),
    ],
)
def test_error_has_the_documented_message(error: errors.ProtocolError, message: str) -> None:
    assert error.message == message
    assert error.reason == errors.REASONS[error.status]


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequestLine("GET /\n\x1b[31m"),
        errors.InvalidRequestMethod("G\n"),
        errors.InvalidHTTPVersion("\n"),
        errors.InvalidHeader("X: a\nforged line of the log\x1b"),
        errors.InvalidHeaderName("\n"),
        errors.UnsupportedTransferCoding("\x1b"),
        errors.ExpectationFailed("\x1b"),
        errors.InvalidProxyLine("\n"),
        errors.ScriptNameMismatch("/\n", "/a"),
        errors.InvalidChunkSize(b"\n"),
        errors.ChunkMissingTerminator(b"\n\x1b"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_error_text_cannot_forge_a_log_line(error: errors.ProtocolError) -> None:
    assert str(error).isprintable()


def test_errors_of_a_body_are_os_errors_for_applications() -> None:
    for error in (
        errors.NoMoreData(),
        errors.InvalidChunkSize(b"x"),
        errors.ChunkMissingTerminator(b"x"),
    ):
        assert isinstance(error, OSError)
        assert str(error)


def test_interim_response_is_checked_too() -> None:
    assert response.CONTINUE == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert response.informational(103, "Early Hints", []) == b"HTTP/1.1 103 Early Hints\r\n\r\n"
    with pytest.raises(errors.ResponseError):
        response.informational(103, "x\r\ny", [])
    with pytest.raises(errors.ResponseError):
        response.informational(103, "x", [("X", "a\nb")])


def test_caches_are_bounded() -> None:
    for number in range(2000):
        response.parse_status(f"200 {number}")
        response.parse_response_fields([(f"X-{number}", "a")], 200)
    assert len(response._STATUSES) <= 512
    assert len(response._NAMES) <= 512
