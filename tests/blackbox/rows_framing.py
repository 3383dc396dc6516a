"""Rows about where a request ends: length, coding, chunks, trailers, persistence."""

from __future__ import annotations

from tests.blackbox.case import Case, Fate, Profile, accept, chunked, get, message, post, refuse

NO_KEEPALIVE = Profile("no-keepalive", "keepalive = 0")

#: a coding we do not know may be told so (501), or the framing as a whole be refused (400)
UNKNOWN = (501, 400)


def length(text: str) -> bytes:
    return post(b"hello", f"Content-Length: {text}")


LENGTH = [
    accept("exact", "RFC 9112 6.2", length("5"), body=b"hello"),
    accept("blanks-around", "RFC 9110 5.5", length(" \t5 "), body=b"hello"),
    accept("leading-zeros", "RFC 9110 8.6: 1*DIGIT", length("005"), body=b"hello"),
    accept("zero", "RFC 9112 6.2", post(b"", "Content-Length: 0"), body=b""),
    accept("none", "RFC 9112 6.3: no framing is no body", post(b""), body=b""),
    accept("name-case", "reference v8", post(b"hello", "conTENT-Length: 5"), body=b"hello"),
    accept("on-get", "RFC 9110 9.3.1", get("Content-Length: 3") + b"abc", body=b"abc"),
    accept(
        "seen-once",
        "PEP 3333",
        length("5"),
        environ={"CONTENT_LENGTH": "5"},
        absent=("HTTP_CONTENT_LENGTH",),
    ),
    accept(
        "json-put-1.0",
        "reference v1",
        message(
            "PUT /stuff/here?foo=bar HTTP/1.0",
            "Server: http://127.0.0.1:5984",
            "Content-Type: application/json",
            "Content-Length: 14",
            body=b'{"nom": "nom"}',
        ),
        Fate.CLOSE,
        body=b'{"nom": "nom"}',
        environ={"PATH_INFO": "/stuff/here", "QUERY_STRING": "foo=bar"},
    ),
    accept(
        "body-like-a-request",
        "reference v20",
        message("POST / HTTP/1.0", "Content-Length: 24", body=b"GET /evil HTTP/1.1\r\n\r\nxx"),
        Fate.CLOSE,
        body=b"GET /evil HTTP/1.1\r\n\r\nxx",
    ),
    *[
        refuse(f"bad-{text!r}", "RFC 9110 8.6, B#3", length(text))
        for text in (
            "",
            "+5",
            "-5",
            "-0",
            "1_0",
            "5.0",
            "5 5",
            "0x5",
            "5;",
            "5,5",
            "5, 6",
            "five",
            "bla-bla-bla",
            "\xb2",
            "\xa05",
            '"5"',
        )
    ],
    refuse("twice", "RFC 9112 6.3, B#3", post(b"hello", "Content-Length: 5", "Content-Length: 6")),
    refuse("twice-same", "B#3", post(b"hello", "Content-Length: 5", "content-length: 5")),
    refuse("absurd", "RFC 9110 8.6: overflow", length("9" * 100), (400, 413)),
]

CODING = [
    accept("chunked", "RFC 9112 7.1", chunked(b"5\r\nhello\r\n0\r\n\r\n"), body=b"hello"),
    accept(
        "coding-case",
        "RFC 9112 7: case-insensitive",
        post(b"5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: cHuNkEd"),
        body=b"hello",
    ),
    accept(
        "blanks-around",
        "RFC 9110 5.5",
        post(b"5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: \t chunked \t"),
        body=b"hello",
    ),
    accept("no-length-seen", "PEP 3333", chunked(b"0\r\n\r\n"), absent=("CONTENT_LENGTH",)),
    *[
        refuse(
            f"{name}",
            "RFC 9112 6.1, B#1",
            post(b"0\r\n\r\n", f"Transfer-Encoding: {text}"),
            UNKNOWN,
        )
        for name, text in (
            ("xchunked", "xchunked"),
            ("chunkedx", "chunkedx"),
            ("gzip-chunked", "gzip, chunked"),
            ("gzip", "gzip"),
            ("identity", "identity"),
            ("identity-chunked", "identity, chunked"),
            ("empty", ""),
            ("quoted", '"chunked"'),
            ("parameter", "chunked;q=1"),
            ("semicolon", "chunked; "),
            ("blank-separated", "chunked chunked"),
            ("no-break-space", "\xa0chunked"),
        )
    ],
    refuse(
        "chunked-not-last",
        "RFC 9112 6.1",
        post(b"0\r\n\r\n", "Transfer-Encoding: chunked, gzip"),
        UNKNOWN,
    ),
    refuse(
        "chunked-twice", "RFC 9112 7.1", post(b"0\r\n\r\n", "Transfer-Encoding: chunked, chunked")
    ),
    refuse(
        "chunked-twice-on-two-lines",
        "RFC 9112 7.1",
        post(b"0\r\n\r\n", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    ),
    refuse(
        "identity-on-second-line",
        "RFC 9112 6.1, B#1",
        post(b"0\r\n\r\n", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        UNKNOWN,
    ),
    refuse("vertical-tab", "RFC 9110 5.5", post(b"0\r\n\r\n", "Transfer-Encoding: \x0bchunked")),
    refuse("name-with-blank", "RFC 9112 5.1", post(b"0\r\n\r\n", "Transfer-Encoding : chunked")),
    refuse("folded", "RFC 9112 5.2", post(b"0\r\n\r\n", "Transfer-Encoding:", " chunked")),
    refuse("with-length", "RFC 9112 6.3, B#2", chunked(b"0\r\n\r\n", "Content-Length: 5")),
    refuse(
        "with-length-before",
        "RFC 9112 6.3, B#2",
        post(b"0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"),
    ),
    refuse("with-bad-length", "reference v25", chunked(b"0\r\n\r\n", "Content-Length: -1")),
    refuse(
        "unknown-with-length",
        "RFC 9112 6.3",
        post(b"hello", "Transfer-Encoding: gzip", "Content-Length: 5"),
        UNKNOWN,
    ),
    refuse(
        "on-1.0",
        "RFC 9112 6.1, B#4",
        message("POST / HTTP/1.0", "Host: a", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    refuse(
        "on-1.0-keep-alive",
        "RFC 9112 6.1, B#4",
        message(
            "POST / HTTP/1.0",
            "Connection: keep-alive",
            "Transfer-Encoding: chunked",
            body=b"0\r\n\r\n",
        ),
    ),
]

LAST = b"0\r\n\r\n"


def wrong(id: str, body: bytes, clause: str = "RFC 9112 7.1, B#5", status: object = 400) -> Case:
    return refuse(id, clause, chunked(body), status)  # type: ignore[arg-type]


CHUNKS = [
    accept("empty", "RFC 9112 7.1", chunked(LAST), body=b""),
    accept(
        "two",
        "reference v11",
        chunked(b"5\r\nhello\r\n6\r\n world\r\n" + LAST),
        body=b"hello world",
    ),
    accept(
        "last-of-many-zeros", "reference v10", chunked(b"5\r\nhello\r\n000\r\n\r\n"), body=b"hello"
    ),
    accept("leading-zeros", "RFC 9112 7.1", chunked(b"00005\r\nhello\r\n" + LAST), body=b"hello"),
    accept("upper-hex", "RFC 9112 7.1", chunked(b"A\r\n0123456789\r\n" + LAST), body=b"0123456789"),
    accept("lower-hex", "RFC 9112 7.1", chunked(b"a\r\n0123456789\r\n" + LAST), body=b"0123456789"),
    accept("crlf-in-data", "RFC 9112 7.1", chunked(b"4\r\n\r\n\r\n\r\n" + LAST), body=b"\r\n\r\n"),
    accept(
        "last-like-in-data", "RFC 9112 7.1", chunked(b"5\r\n" + LAST + b"\r\n" + LAST), body=LAST
    ),
    accept("extension", "RFC 9112 7.1.1", chunked(b"5;a=b\r\nhello\r\n" + LAST), body=b"hello"),
    accept(
        "extensions",
        "reference v13",
        chunked(b"5; some; parameters=stuff\r\nhello\r\n0;x\r\n\r\n"),
        body=b"hello",
    ),
    accept(
        "quoted-extension",
        "RFC 9112 7.1.1",
        chunked(b'5;a="b c"\r\nhello\r\n' + LAST),
        body=b"hello",
    ),
    accept(
        "bad-blank-before-extension",
        "RFC 9112 7.1.1: BWS",
        chunked(b"5 ;a\r\nhello\r\n" + LAST),
        body=b"hello",
    ),
    *[
        wrong(f"size-{size!r}", size.encode("latin-1") + b"\r\nabc\r\n" + LAST)
        for size in (
            "0x3",
            "-3",
            "+3",
            "3_",
            "1_0",
            "_3",
            "g",
            "",
            " 3",
            "\t3",
            "3 ",
            "3\t",
            "\xb3",
            "3,",
            "3\0",
            "3\x0b",
        )
    ],
    wrong("size-minus-zero", b"-0\r\n\r\n"),
    wrong("size-overflow", b"1" + b"0" * 16 + b"\r\nabc\r\n" + LAST),
    wrong("size-ends-in-lf", b"3\nabc\r\n" + LAST),
    wrong("size-ends-in-cr", b"3\rabc\r\n" + LAST),
    wrong("size-ends-in-cr-cr-lf", b"3\r\r\nabc\r\n" + LAST),
    wrong("data-too-long", b"3\r\nabcd\r\n" + LAST),
    wrong("data-too-short", b"3\r\nab\r\n0\r\n\r\n"),
    wrong("data-ends-in-lf", b"3\r\nabc\n" + LAST),
    wrong("data-ends-in-cr", b"3\r\nabc\r0\r\n\r\n"),
    wrong("data-ends-in-nothing", b"3\r\nabc" + LAST),
    wrong("extension-with-lf", b"3;a\nb\r\nabc\r\n" + LAST),
    wrong("extension-with-cr", b"3;a\rb\r\nabc\r\n" + LAST),
    wrong("extension-with-nul", b"3;a\0\r\nabc\r\n" + LAST),
    wrong("extension-with-delete", b"3;a\x7f\r\nabc\r\n" + LAST),
    wrong(
        "extension-endless",
        b"3;" + b"a" * 20000 + b"\r\nabc\r\n" + LAST,
        "B#5: bounded",
        (400, 413, 431),
    ),
    wrong("size-endless", b"0" * 20000 + b"3\r\nabc\r\n" + LAST, "B#5: bounded", (400, 413, 431)),
    wrong("last-ends-in-lf", b"3\r\nabc\r\n0\n\n"),
    wrong("last-half-lf", b"3\r\nabc\r\n0\r\n\n"),
]

TRAILERS = [
    accept(
        "two",
        "reference v12",
        chunked(b"5\r\nhello\r\n0\r\nVary: *\r\nContent-Type: text/plain\r\n\r\n"),
        body=b"hello",
        absent=("HTTP_VARY", "CONTENT_TYPE"),
    ),
    accept(
        "never-framing",
        "RFC 9110 6.5.1",
        chunked(b"0\r\nContent-Length: 100\r\nTransfer-Encoding: gzip\r\nHost: b\r\n\r\n"),
        environ={"HTTP_HOST": "a"},
        absent=("CONTENT_LENGTH",),
        body=b"",
    ),
    accept(
        "never-trusted",
        "RFC 9110 6.5.1, B#43",
        chunked(b"0\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"),
        absent=("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_FOR"),
    ),
    wrong("bad-name", b"0\r\nX A: b\r\n\r\n", "RFC 9112 7.1.2"),
    wrong("no-colon", b"0\r\nX\r\n\r\n", "RFC 9112 7.1.2"),
    wrong("folded", b"0\r\nX: a\r\n b\r\n\r\n", "RFC 9112 5.2"),
    wrong("bare-lf", b"0\r\nX: a\nY: b\r\n\r\n", "RFC 9112 2.2"),
    wrong("nul", b"0\r\nX: \0\r\n\r\n", "RFC 9110 5.5"),
    wrong("too-many", b"0\r\n" + b"X: a\r\n" * 200 + b"\r\n", "reference 4.3", (400, 431)),
    wrong("too-long", b"0\r\nX: " + b"a" * 20000 + b"\r\n\r\n", "reference 4.3", (400, 431)),
]


def connection(version: str, *values: str) -> bytes:
    fields = [f"Connection: {value}" for value in values]
    return message(f"GET / HTTP/{version}", "Host: a", *fields)


PERSISTENCE = [
    accept("1.1", "RFC 9112 9.3", connection("1.1")),
    accept("1.0", "RFC 9112 9.3", connection("1.0"), Fate.CLOSE),
    accept("1.1-close", "RFC 9112 9.6", connection("1.1", "close"), Fate.CLOSE),
    accept("1.1-close-any-case", "RFC 9110 7.6.1", connection("1.1", "Close"), Fate.CLOSE),
    accept(
        "1.1-close-in-list", "RFC 9110 7.6.1, B#22", connection("1.1", "x, close ,y"), Fate.CLOSE
    ),
    accept(
        "1.1-close-on-second", "RFC 9110 5.3, B#22", connection("1.1", "x", "close"), Fate.CLOSE
    ),
    accept(
        "1.1-close-and-keep-alive",
        "RFC 9112 9.3",
        connection("1.1", "keep-alive, close"),
        Fate.CLOSE,
    ),
    accept(
        "1.1-keep-alive-then-close",
        "RFC 9112 9.3",
        connection("1.1", "keep-alive", "close"),
        Fate.CLOSE,
    ),
    accept("1.1-like-close", "RFC 9110 7.6.1", connection("1.1", "xclose, close-x")),
    accept("1.1-unknown", "RFC 9110 7.6.1", connection("1.1", "x-option")),
    accept("1.1-empty", "RFC 9110 5.6.1", connection("1.1", "")),
    accept("1.0-keep-alive", "RFC 9112 9.3", connection("1.0", "keep-alive")),
    accept("1.0-keep-alive-any-case", "reference v22", connection("1.0", "Keep-Alive")),
    accept("1.0-keep-alive-in-list", "RFC 9110 7.6.1", connection("1.0", "x, keep-alive")),
    accept("1.0-both", "RFC 9112 9.3", connection("1.0", "keep-alive, close"), Fate.CLOSE),
    accept(
        "switched-off", "setting keepalive", connection("1.1"), Fate.CLOSE, profile=NO_KEEPALIVE
    ),
    accept(
        "switched-off-1.0",
        "setting keepalive",
        connection("1.0", "keep-alive"),
        Fate.CLOSE,
        profile=NO_KEEPALIVE,
    ),
]

EXPECT = [
    accept(
        "with-body-at-once",
        "RFC 9110 10.1.1: the 100 may be left out",
        post(b"hello", "Content-Length: 5", "Expect: 100-continue"),
        body=b"hello",
        environ={"HTTP_EXPECT": "100-continue"},
    ),
    accept(
        "any-case",
        "RFC 9110 10.1.1",
        post(b"hello", "Content-Length: 5", "Expect: 100-Continue"),
        body=b"hello",
    ),
    accept("without-body", "RFC 9110 10.1.1", get("Expect: 100-continue")),
    accept(
        "on-1.0",
        "RFC 9110 10.1.1: ignored",
        message("POST / HTTP/1.0", "Expect: 100-continue", "Content-Length: 5", body=b"hello"),
        Fate.CLOSE,
        body=b"hello",
    ),
    refuse("unknown", "RFC 9110 10.1.1, reference 4.6", get("Expect: tea"), 417),
    refuse("unknown-and-known", "RFC 9110 10.1.1", get("Expect: 100-continue, tea"), 417),
]

ROWS = {
    "length": LENGTH,
    "coding": CODING,
    "chunks": CHUNKS,
    "trailers": TRAILERS,
    "persistence": PERSISTENCE,
    "expect": EXPECT,
}
