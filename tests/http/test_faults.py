"""Requests that are refused: which error, with which status, whatever the cut of the bytes."""

from __future__ import annotations

import dataclasses

import pytest

from gunicorn.http import errors
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    ExpectationFailed,
    ForbiddenProxyRequest,
    InvalidChunkSize,
    InvalidHeader,
    InvalidHeaderName,
    InvalidHTTPVersion,
    InvalidProxyLine,
    InvalidRequestLine,
    InvalidRequestMethod,
    InvalidSchemeHeaders,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    UnsupportedTransferCoding,
)
from gunicorn.http.limits import Policy
from gunicorn.http.proxy import Peer
from tests.http.feeding import FORWARDER, POLICY, STRANGER, check
from tests.http.test_requests import FOLDING, PROXY, chunked, get


@dataclasses.dataclass
class Row:
    id: str
    clause: str
    data: bytes
    error: type[errors.ProtocolError]
    status: int = 400
    policy: Policy = POLICY
    peer: Peer = STRANGER


def line(text: str, error: type[errors.ProtocolError], status: int = 400) -> Row:
    return Row(f"{text!r}", "RFC 9112 3", get(line=text), error, status)


def field(text: str, error: type[errors.ProtocolError], status: int = 400) -> Row:
    return Row(f"{text!r}", "RFC 9112 5", get(text), error, status)


def host(text: str) -> Row:
    data = f"GET / HTTP/1.1\r\nHost: {text}\r\n\r\n".encode("latin-1")
    return Row(f"{text!r}", "RFC 9112 3.2", data, InvalidHeader)


def coding(text: str, error: type[errors.ProtocolError], status: int = 400) -> Row:
    data = get(f"Transfer-Encoding: {text}", body=b"0\r\n\r\n")
    return Row(f"{text!r}", "RFC 9112 6.1, B#1", data, error, status)


def chunks(body: bytes, error: type[errors.ProtocolError] = InvalidChunkSize) -> Row:
    return Row(f"{body[:30]!r}", "RFC 9112 7.1, B#5, B#6", chunked(body), error)


LINES = [
    line("GET HTTP/1.1", InvalidRequestLine),  # x2
    line("GET /", InvalidRequestLine),
    line("GET", InvalidRequestLine),
    line("GET  / HTTP/1.1", InvalidRequestLine),
    line("GET /  HTTP/1.1", InvalidRequestLine),
    line("GET / HTTP/1.1 ", InvalidRequestLine),
    line(" GET / HTTP/1.1", InvalidRequestLine),
    line("GET\t/ HTTP/1.1", InvalidRequestLine),
    line("GET /a b HTTP/1.1", InvalidRequestLine),
    line("GET /\ta HTTP/1.1", InvalidRequestLine),
    line("GET /\0 HTTP/1.1", InvalidRequestLine),
    line("GET /\r HTTP/1.1", InvalidRequestLine),
    line("GET /\n HTTP/1.1", InvalidRequestLine),
    line("GET /\x7f HTTP/1.1", InvalidRequestLine),
    line("GET /\xe9 HTTP/1.1", InvalidRequestLine),
    line("GET /\x85 HTTP/1.1", InvalidRequestLine),
    line("GET a/b HTTP/1.1", InvalidRequestLine),
    line("GET ?a HTTP/1.1", InvalidRequestLine),
    line("GET * HTTP/1.1", InvalidRequestLine),
    line("GET a:80 HTTP/1.1", InvalidRequestLine),
    line("OPTIONS *a HTTP/1.1", InvalidRequestLine),
    line("GET ftp://a/b HTTP/1.1", InvalidRequestLine),
    line("GET http:///b HTTP/1.1", InvalidRequestLine),
    line("GET http://:80/b HTTP/1.1", InvalidRequestLine),
    line("GET http://user@a/b HTTP/1.1", InvalidRequestLine),
    line("GET http://a:b/c HTTP/1.1", InvalidRequestLine),
    line("GET http://a\\b HTTP/1.1", InvalidRequestLine),
    line("CONNECT / HTTP/1.1", InvalidRequestLine),
    line("CONNECT a HTTP/1.1", InvalidRequestLine),
    line("CONNECT :80 HTTP/1.1", InvalidRequestLine),
    line("CONNECT a: HTTP/1.1", InvalidRequestLine),
    line("CONNECT http://a/ HTTP/1.1", InvalidRequestLine),
    line("-blargh /foo HTTP/1.1", InvalidRequestMethod),  # x3
    line("GET# / HTTP/1.1", InvalidRequestMethod),
    line("GE / HTTP/1.1", InvalidRequestMethod),
    line(f"{'A' * 21} / HTTP/1.1", InvalidRequestMethod),
    line("get / HTTP/1.1", InvalidRequestMethod),
    line("GE(T / HTTP/1.1", InvalidRequestMethod),
    line("GET: / HTTP/1.1", InvalidRequestMethod),
    line("GET /foo FTP/1.1", InvalidHTTPVersion),  # x4
    line("GET / http/1.1", InvalidHTTPVersion),
    line("GET / HTTP/1.1x", InvalidHTTPVersion),
    line("GET / HTTP/1x1", InvalidHTTPVersion),
    line("GET / HTTP/11", InvalidHTTPVersion),
    line("GET / HTTP/1.10", InvalidHTTPVersion),
    line("GET / HTTP/01.1", InvalidHTTPVersion),
    line("GET / HTTP/", InvalidHTTPVersion),
    line("GET / HTTP/0.9", InvalidHTTPVersion, 505),
    line("GET / HTTP/1.2", InvalidHTTPVersion, 505),
    line("GET / HTTP/2.0", InvalidHTTPVersion, 505),
    Row("bare lf", "RFC 9112 2.2", b"GET / HTTP/1.1\nHost: a\n\n", InvalidRequestLine),
    Row("bare lf before", "RFC 9112 2.2", b"\n" + get(), InvalidRequestLine),
    Row("bare cr before", "RFC 9112 2.2", b"\r" + get(), InvalidRequestLine),
    Row("two empty lines", "RFC 9112 2.2", b"\r\n\r\n" + get(), InvalidRequestLine),
    Row("tls", "RFC 9112 3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", InvalidRequestLine),
    Row("http/2", "RFC 9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", InvalidRequestLine),
    Row(
        "version 2 is never version 1",
        "permit_unconventional_http_version",
        get(line="GET / HTTP/2.0"),
        InvalidHTTPVersion,
        505,
        Policy(permit_unconventional_http_version=True),
    ),
    Row(
        "method with parenthesis",
        "permit_unconventional_http_method",
        get(line="A(B / HTTP/1.1"),
        InvalidRequestMethod,
        policy=Policy(permit_unconventional_http_method=True),
    ),
]

FIELDS = [
    field("X", InvalidHeader),
    field("Host", InvalidHeader),  # a name that is in the cache, without its colon
    field(": x", InvalidHeader),
    field("X : y", InvalidHeaderName),
    field("X\t: y", InvalidHeaderName),
    field("Content-Length : 5", InvalidHeaderName),
    field("Transfer-Encoding : chunked", InvalidHeaderName),
    field("X Y: z", InvalidHeaderName),
    field("X\0: y", InvalidHeaderName),  # x5
    field("X\xe9: y", InvalidHeaderName),
    field("X\x85: y", InvalidHeaderName),
    *[field(f"X{bad}Y: z", InvalidHeaderName) for bad in '()<>@,;[]={}"/\\?\x01\x7f'],
    field("X: \0", InvalidHeader),
    field("X: a\x01b", InvalidHeader),
    field("X: a\x1fb", InvalidHeader),
    field("X: a\x7fb", InvalidHeader),
    field("X: a\rb", InvalidHeader),
    field("X: a\nb: c", InvalidHeader),
    field("X: a\r", InvalidHeader),
    field("X: a\r\n b", InvalidHeader),
    field("X: a\r\n\tb", InvalidHeader),
    field("X: a\r\n ", InvalidHeader),
    Row("blank first", "RFC 9112 2.2", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", InvalidHeader),
    Row(
        "blank first, folding permitted",
        "RFC 9112 2.2",
        b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        InvalidHeader,
        policy=FOLDING,
    ),
    Row("folded nul", "RFC 9112 5.2", get("X: a", " \0"), InvalidHeader, policy=FOLDING),
    field("Host: b", InvalidHeader),
    field("Content-Type: a/b\r\nContent-Type: a/b", InvalidHeader),
    Row("no host", "RFC 9112 3.2", b"GET / HTTP/1.1\r\n\r\n", InvalidHeader),
    Row("no host, absolute", "RFC 9112 3.2", b"GET http://a/ HTTP/1.1\r\n\r\n", InvalidHeader),
    Row(
        "two in 1.0", "RFC 9112 3.2", b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", InvalidHeader
    ),
    *map(
        host, ["a b", "a,b", "a/b", "a@b", "a:b", "a:1:2", "::1", "[::1", "[x]", "[]", "a%2", "é"]
    ),
    Row(
        "underscore refused",
        "header_map = refuse",
        get("X_Y: z"),
        InvalidHeaderName,
        policy=Policy(header_map="refuse"),
    ),
    Row(
        "forwarder's name twice",
        "forwarder_headers",
        get("SCRIPT_NAME: /a", "SCRIPT_NAME: /b"),
        InvalidHeader,
        peer=FORWARDER,
    ),
    Row(
        "forwarder's name in two spellings",
        "forwarder_headers",
        get("SCRIPT_NAME: /a", "Script-Name: /b"),
        InvalidHeader,
        peer=FORWARDER,
    ),
    Row(
        "schemes",
        "reference 4.8, B#43",
        get("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"),
        InvalidSchemeHeaders,
        peer=FORWARDER,
    ),
    Row(
        "schemes in one repeated field",
        "reference 4.8, B#43",
        get("X-Forwarded-Proto: https", "X-Forwarded-Proto: http"),
        InvalidSchemeHeaders,
        peer=FORWARDER,
    ),
    field("Expect: tea", ExpectationFailed, 417),
    field("Expect: 100-continue, tea", ExpectationFailed, 417),
    field("Expect:", ExpectationFailed, 417),
]

LENGTHS = [
    *[
        field(f"Content-Length: {text}", InvalidHeader)
        for text in (
            *("-1", "bla-bla-bla", "", "+5", "1_0", "5 5", "0x5", "5.0", "5,5", "5, 6", "\xb2"),
            *('"5"', "5;", "\xa05", "9" * 19, "9" * 5000),
        )
    ],
    field("Content-Length: 5\r\nContent-Length: 5", InvalidHeader),
    field("Content-Length: 5\r\ncontent-length: 6", InvalidHeader),
]

CODINGS = [
    coding("xchunked", UnsupportedTransferCoding, 501),
    coding("gzip", UnsupportedTransferCoding, 501),
    coding("gzip, chunked", UnsupportedTransferCoding, 501),
    coding("identity", InvalidHeader),  # v9
    coding("identity, chunked", InvalidHeader),
    coding("chunked, gzip", InvalidHeader),
    coding("chunked, chunked", InvalidHeader),
    coding("chunked\r\nTransfer-Encoding: chunked", InvalidHeader),
    coding("chunked\r\nTransfer-Encoding: gzip", InvalidHeader),
    coding("chunked,", InvalidHeader),
    coding(",chunked", InvalidHeader),
    coding("", InvalidHeader),
    coding('"chunked"', InvalidHeader),
    coding("chunked;a=b", InvalidHeader),
    coding("\x0bchunked", InvalidHeader),
    coding("\xa0chunked", InvalidHeader),
    coding("chunked\r\nContent-Length: 5", InvalidHeader),
    coding("chunked\r\nContent-Length: -1", InvalidHeader),  # v25
    coding("gzip\r\nContent-Length: 5", InvalidHeader),
    Row("length first", "RFC 9112 6.3, B#2",
        get("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), InvalidHeader),
    Row("1.0", "RFC 9112 6.1, B#4",
        get("Transfer-Encoding: chunked", line="POST / HTTP/1.0", body=b"0\r\n\r\n"),
        InvalidHeader),
]  # fmt: skip

CHUNKS = [
    *[
        chunks(size + b"\r\nabc\r\n0\r\n\r\n")
        for size in (
            *(b"", b"0x3", b"-3", b"+3", b"1_0", b" 3", b"3 ", b"\t3", b"3\t", b"g", b"\xb3"),
            *(b"3,", b"3\0", b"3\x0b", b"1" + b"0" * 16),
            *(b"3;", b"3;;a", b"3;a=", b"3;a b", b'3;a="b'),
            *(b"3;a\0", b"3;a\x7f", b"3;\xe9", b"3;a=b=c"),
        )
    ],
    chunks(b"3\nabc\r\n0\r\n\r\n"),
    chunks(b"3\rabc\r\n0\r\n\r\n"),
    chunks(b"3\r\r\nabc\r\n0\r\n\r\n"),
    chunks(b"0\n\r\n"),
    chunks(b"3;" + b"a" * 4096),
    chunks(b"0" * 5000),
    chunks(b"".join(b"1;" + b"a" * 4000 + b"\r\nx\r\n" for _ in range(5))),
    chunks(b"3\r\nabcd\r\n0\r\n\r\n", ChunkMissingTerminator),
    chunks(b"3\r\nabc\n0\r\n\r\n", ChunkMissingTerminator),
    chunks(b"3\r\nabc\r0\r\n\r\n", ChunkMissingTerminator),
    chunks(b"3\r\nabc0\r\n\r\n", ChunkMissingTerminator),
    chunks(b"0\r\n\n", InvalidHeaderName),
    chunks(b"0\r\nX\r\n\r\n", InvalidHeader),
    chunks(b"0\r\nX Y: z\r\n\r\n", InvalidHeaderName),
    chunks(b"0\r\n X: z\r\n\r\n", InvalidHeader),
    chunks(b"0\r\nX: y\r\n z\r\n\r\n", InvalidHeader),
    chunks(b"0\r\nX: \0\r\n\r\n", InvalidHeader),
    Row("too many trailers", "limit_request_fields", chunked(b"0\r\n" + b"X: y\r\n" * 4 + b"\r\n"),
        LimitRequestHeaders, 431, Policy(limit_fields=3)),
    Row("too long trailer", "limit_request_field_size", chunked(b"0\r\nX: " + b"y" * 60),
        LimitRequestHeaders, 431, Policy(limit_field_size=50)),
]  # fmt: skip

LINE40 = Policy(limit_line=40)
SIZE30 = Policy(limit_field_size=30)
FIELDS3 = Policy(limit_fields=3)
LIMITS = [
    Row("x6", "limit_request_line", get(line=f"GET /{'a' * 4081} HTTP/1.1"), LimitRequestLine, 414),
    Row("line, no end", "B#40", b"GET /" + b"a" * 36, LimitRequestLine, 414, LINE40),
    Row("line, version bad", "B#40", get(line=f"GET /{'a' * 30} XTTP/1.1"), LimitRequestLine, 414,
        LINE40),
    Row("x7", "limit_request_field_size", get("X: " + "a" * 30), LimitRequestHeaders, 431, SIZE30),
    Row("x8", "limit_request_field_size", get("X: a", "X: " + "a" * 30, "Y: b"),
        LimitRequestHeaders, 431, SIZE30),
    Row("field, no end", "B#40", get()[:-2] + b"X" * 29, LimitRequestHeaders, 431, SIZE30),
    Row("x9, x11", "limit_request_fields", get("A: b", "C: d", "E: f"), LimitRequestHeaders, 431,
        FIELDS3),
    Row("fields, no end", "B#40", get("A: b", "C: d")[:-2] + b"E", LimitRequestHeaders, 431,
        FIELDS3),
    Row("x10", "limit_request_field_size", get(), LimitRequestHeaders, 431,
        Policy(limit_field_size=8)),
    Row("x13", "limit_request_field_size", get("X: aaaaa", " bbbbb"), LimitRequestHeaders, 431,
        Policy(limit_field_size=14, permit_obsolete_folding=True)),
    Row("bad byte before the limit", "RFC 9112 2.2", get("X: " + "a" * 20 + "\0" * 20),
        InvalidHeader, 400, SIZE30),
    Row("bad byte behind the limit", "B#40", get("X: " + "a" * 28 + "\0"), LimitRequestHeaders, 431,
        SIZE30),
    Row("bad name before the limit", "RFC 9112 5.1", get("X Y: z", "X: " + "a" * 30),
        InvalidHeaderName, 400, SIZE30),
]  # fmt: skip

UNFINISHED = [
    Row(f"{data!r}", "reference 12, x1", data, NoMoreData)
    for data in (
        b"G",
        b"\r",
        b"GET / HTTP/1.1",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r",
        get("Content-Length: 5", body=b"1234"),
        get("Content-Length: 5"),
        chunked(b""),
        chunked(b"5"),
        chunked(b"5\r\nhell"),
        chunked(b"5\r\nhello"),
        chunked(b"5\r\nhello\r\n"),
        chunked(b"5\r\nhello\r\n0"),
        chunked(b"5\r\nhello\r\n0\r\n"),
        chunked(b"5\r\nhello\r\n0\r\nX: y\r\n"),
    )
]


def proxy(text: str) -> Row:
    data = text.encode("latin-1") + b"\r\n" + get()
    return Row(
        f"{text[:60]!r}", "reference 4.7, B#21", data, InvalidProxyLine, 400, PROXY, FORWARDER
    )


PROXIED = [
    *map(
        proxy,
        [
            *("PROXY", "PROXY ", "PROXY UNKNOWN", "PROXYTCP4 1.2.3.4 1.2.3.4 1 2"),
            *("PROXY TCP4 192.168.0.1", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 ", "PROXY TCP4"),
            *("PROXY  TCP4 1.2.3.4 1.2.3.4 1 2", "PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2"),
            *("PROXY TCP5 1.2.3.4 1.2.3.4 1 2", "PROXY tcp4 1.2.3.4 1.2.3.4 1 2"),
            *("PROXY TCP4 ::1 1.2.3.4 1 2", "PROXY TCP6 ::1 1.2.3.4 1 2"),
            "PROXY TCP4 1.2.3 1.2.3.4 1 2",
            *("PROXY TCP4 1.2.3.4 1.2.3.4 65iii 2", "PROXY TCP4 1.2.3.4 1.2.3.4 100000 2"),
            *("PROXY TCP4 1.2.3.4 1.2.3.4 65536 2", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2"),
            *("PROXY TCP4 1.2.3.4 1.2.3.4 +1 2", "PROXY TCP4 1.2.3.4 1.2.3.4 1 \xb2"),
            *("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1_0 2"),
            f"PROXY TCP6 {'0' * 100}::1 ::1 1 2",
        ],
    ),
    Row("stranger", "reference 4.7", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + get(),
        ForbiddenProxyRequest, 403, PROXY),
    Row("off", "reference 4.7", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + get(), InvalidRequestLine),
    Row("second", "reference 4.7", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" * 2 + get(),
        InvalidRequestLine, 400, PROXY, FORWARDER),
    Row("before the second request", "reference 4.7", get() + b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        InvalidRequestLine, 400, PROXY, FORWARDER),
    Row("no end", "reference 4.7", b"PROXY " + b"x" * 110, InvalidProxyLine, 400, PROXY, FORWARDER),
]  # fmt: skip

TABLES = {
    "lines": LINES,
    "fields": FIELDS,
    "lengths": LENGTHS,
    "codings": CODINGS,
    "chunks": CHUNKS,
    "limits": LIMITS,
    "unfinished": UNFINISHED,
    "proxied": PROXIED,
}
ROWS = [
    pytest.param(row, id=f"{table}: {row.id[:50]}")
    for table, rows in TABLES.items()
    for row in rows
]


@pytest.mark.parametrize("row", ROWS)
def test_fault_is_refused_however_it_arrives(row: Row) -> None:
    # Samples of many thousand bytes are cut where it matters by the smaller ones.
    outcome = check(row.data, row.policy, row.peer)
    assert (outcome.error, outcome.status) == (row.error, row.status)
