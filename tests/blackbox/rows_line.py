"""Rows about the request line: method, target, version, what stands before and between them."""

from __future__ import annotations

from tests.blackbox.case import Profile, accept, get, message, refuse

LENIENT_METHOD = Profile("lenient-method", "permit_unconventional_http_method = True")
LENIENT_VERSION = Profile("lenient-version", "permit_unconventional_http_version = True")
CASEFOLD = Profile("casefold", "casefold_http_method = True")


def line(text: str, *fields: str) -> bytes:
    return message(text, "Host: a", *fields)


def target(text: str) -> bytes:
    return line(f"GET {text} HTTP/1.1")


LINE = [
    accept("plain", "RFC 9112 3", get(), environ={"REQUEST_METHOD": "GET", "PATH_INFO": "/"}),
    accept("one-empty-line-before", "RFC 9112 2.2", b"\r\n" + get()),
    refuse("bare-lf-before", "RFC 9112 2.2", b"\n" + get()),
    refuse("space-before", "RFC 9112 3", b" " + get()),
    refuse("two-spaces-after-method", "RFC 9112 3", line("GET  / HTTP/1.1")),
    refuse("two-spaces-after-target", "RFC 9112 3", line("GET /  HTTP/1.1")),
    refuse("space-at-end", "RFC 9112 3", line("GET / HTTP/1.1 ")),
    refuse("tab-between", "RFC 9112 3", line("GET\t/ HTTP/1.1")),
    refuse("vertical-tab-between", "RFC 9112 3", line("GET\x0b/ HTTP/1.1")),
    refuse("space-in-target", "RFC 9112 3.2", line("GET /a b HTTP/1.1")),
    refuse("no-target", "reference 4.1, x2", line("GET HTTP/1.1")),
    refuse("empty-target", "reference 4.1", line("GET  HTTP/1.1")),
    refuse("no-version", "RFC 9112 3: no HTTP/0.9", line("GET /")),
    refuse("method-alone", "reference 4.1", line("GET")),
    refuse("bare-lf-ends-line", "RFC 9112 2.2", b"GET / HTTP/1.1\nHost: a\n\n"),
    refuse("bare-lf-ends-one-line", "RFC 9112 2.2", b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    refuse("bare-cr-in-line", "RFC 9112 2.2", line("GET /\r HTTP/1.1")),
    refuse("nul-in-line", "RFC 9112 2.2", line("GET /\0 HTTP/1.1")),
    refuse("tls-hello", "RFC 9112 3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    refuse("http2-preface", "RFC 9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
]

METHOD = [
    accept("post", "RFC 9110 9.3.3", line("POST / HTTP/1.1"), environ={"REQUEST_METHOD": "POST"}),
    accept("delete", "RFC 9110 9.3.5", line("DELETE / HTTP/1.1")),
    accept("unknown", "RFC 9110 9.1", line("BREW / HTTP/1.1"), environ={"REQUEST_METHOD": "BREW"}),
    accept(
        "m-search",
        "RFC 9110 5.6.2: hyphen is a token character",
        line("M-SEARCH / HTTP/1.1"),
        environ={"REQUEST_METHOD": "M-SEARCH"},
    ),
    accept("twenty-characters", "reference 4.1", line(f"{'A' * 20} / HTTP/1.1")),
    refuse("twenty-one-characters", "reference 4.1", line(f"{'A' * 21} / HTTP/1.1")),
    accept("three-characters", "reference 4.1", line("ACL / HTTP/1.1")),
    refuse("two-characters", "reference 4.1", line("GE / HTTP/1.1")),
    refuse("lower-case", "reference 4.1", line("get / HTTP/1.1")),
    refuse("one-lower-case", "reference 4.1", line("GEt / HTTP/1.1")),
    refuse("hash", "reference 4.1", line("GET# / HTTP/1.1")),
    refuse("lower-case-and-hyphen", "reference x3", line("-blargh /foo HTTP/1.1")),
    refuse("parenthesis", "RFC 9110 5.6.2", line("GET( / HTTP/1.1")),
    refuse("colon", "RFC 9110 5.6.2", line("GET: / HTTP/1.1")),
    refuse("quote", "RFC 9110 5.6.2", line('"GET" / HTTP/1.1')),
    refuse("non-ascii", "RFC 9110 5.6.2", line("G\xc9T / HTTP/1.1")),
    refuse("nul", "RFC 9110 5.6.2", line("GE\0T / HTTP/1.1")),
    refuse("empty", "RFC 9112 3", line(" / HTTP/1.1")),
    accept(
        "permitted-lower-case",
        "setting permit_unconventional_http_method",
        line("get / HTTP/1.1"),
        environ={"REQUEST_METHOD": "get"},
        profile=LENIENT_METHOD,
    ),
    accept(
        "permitted-hash",
        "setting permit_unconventional_http_method",
        line("GET# / HTTP/1.1"),
        environ={"REQUEST_METHOD": "GET#"},
        profile=LENIENT_METHOD,
    ),
    refuse(
        "permitted-but-no-token",
        "RFC 9110 9.1 stands even when lenient",
        line("GE(T / HTTP/1.1"),
        profile=LENIENT_METHOD,
    ),
    accept(
        "casefolded",
        "setting casefold_http_method",
        line("Get / HTTP/1.1"),
        environ={"REQUEST_METHOD": "GET"},
        profile=CASEFOLD,
    ),
]

VERSION = [
    refuse("ftp", "reference x4", line("GET /foo FTP/1.1")),
    refuse("lower-case", "RFC 9112 2.3: case-sensitive", line("GET / http/1.1")),
    refuse("two-digit-minor", "RFC 9112 2.3", line("GET / HTTP/1.10")),
    refuse("two-digit-major", "RFC 9112 2.3", line("GET / HTTP/01.1")),
    refuse("junk-after", "reference 4.1", line("GET / HTTP/1.1x")),
    refuse("no-dot", "reference 4.1", line("GET / HTTP/1x1")),
    refuse("no-minor", "RFC 9112 2.3", line("GET / HTTP/1.")),
    refuse("no-number", "RFC 9112 2.3", line("GET / HTTP/")),
    refuse("arabic-digit", "RFC 9112 2.3: ASCII digits", line("GET / HTTP/1.\xd9\xa1")),
    refuse("zero-nine", "reference 4.1", line("GET / HTTP/0.9"), (400, 505)),
    refuse("two-zero", "RFC 9110 15.6.6, reference 4.13", line("GET / HTTP/2.0"), (400, 505)),
    refuse("three-zero", "RFC 9110 15.6.6", line("GET / HTTP/3.0"), (400, 505)),
    refuse("one-two", "reference 4.1: exactly 1.0 or 1.1", line("GET / HTTP/1.2"), (400, 505)),
    accept(
        "permitted-one-two",
        "setting permit_unconventional_http_version, RFC 9110 6.2",
        line("GET / HTTP/1.2"),
        profile=LENIENT_VERSION,
    ),
]

TARGET = [
    accept(
        "query",
        "RFC 9112 3.2.1",
        target("/a/b?c=d&e"),
        environ={"PATH_INFO": "/a/b", "QUERY_STRING": "c=d&e", "RAW_URI": "/a/b?c=d&e"},
    ),
    accept("no-query", "PEP 3333", target("/a"), environ={"QUERY_STRING": ""}),
    accept(
        "question-mark-only",
        "RFC 9112 3.2.1",
        target("/a?"),
        environ={"PATH_INFO": "/a", "QUERY_STRING": "", "RAW_URI": "/a?"},
    ),
    accept(
        "second-question-mark", "RFC 3986 3.4", target("/?a?b"), environ={"QUERY_STRING": "a?b"}
    ),
    accept("params", "reference 4.1", target("/a;b=c"), environ={"PATH_INFO": "/a;b=c"}),
    accept(
        "fragment",
        "reference 4.1, v5",
        target("/a?page=1#posts-17408"),
        environ={
            "PATH_INFO": "/a",
            "QUERY_STRING": "page=1",
            "RAW_URI": "/a?page=1#posts-17408",
        },
    ),
    accept(
        "two-slashes",
        "reference 4.1: kept, a path",
        target("//host/path"),
        environ={"PATH_INFO": "//host/path", "RAW_URI": "//host/path"},
    ),
    accept("dots-stay", "reference 4.9", target("/a/../b"), environ={"PATH_INFO": "/a/../b"}),
    accept(
        "quotes-stay",
        "reference v14",
        target('/a"b?c="d"'),
        environ={"PATH_INFO": '/a"b', "QUERY_STRING": 'c="d"'},
    ),
    accept("percent-slash", "PEP 3333", target("/a%2Fb"), environ={"PATH_INFO": "/a/b"}),
    accept("percent-percent", "PEP 3333", target("/a%2525"), environ={"PATH_INFO": "/a%25"}),
    accept("percent-nul", "PEP 3333", target("/a%00b"), environ={"PATH_INFO": "/a\0b"}),
    accept("plus-stays", "RFC 3986", target("/a+b"), environ={"PATH_INFO": "/a+b"}),
    accept(
        "percent-utf-8",
        "PEP 3333: bytes as latin-1, B#9",
        target("/caf%C3%A9?q=%C3%A9"),
        environ={"PATH_INFO": "/caf\xc3\xa9", "QUERY_STRING": "q=%C3%A9"},
    ),
    accept("percent-not-utf-8", "PEP 3333", target("/%ff"), environ={"PATH_INFO": "/\xff"}),
    accept(
        "percent-question-mark",
        "RFC 3986 2.4: split before decoding",
        target("/a%3Fb?c"),
        environ={"PATH_INFO": "/a?b", "QUERY_STRING": "c"},
    ),
    accept(
        "absolute",
        "RFC 9112 3.2.2",
        target("http://a/b?c"),
        environ={"PATH_INFO": "/b", "QUERY_STRING": "c", "RAW_URI": "http://a/b?c"},
    ),
    accept(
        "absolute-https",
        "RFC 9112 3.2.2",
        target("https://a:443/b"),
        environ={"PATH_INFO": "/b"},
    ),
    accept(
        "absolute-without-path",
        "RFC 9110 4.2.3: an empty path is /",
        target("http://a"),
        environ={"PATH_INFO": "/"},
    ),
    accept(
        "asterisk",
        "RFC 9112 3.2.4",
        line("OPTIONS * HTTP/1.1"),
        environ={"REQUEST_METHOD": "OPTIONS", "RAW_URI": "*"},
    ),
    refuse("asterisk-get", "RFC 9112 3.2.4: OPTIONS only", target("*")),
    refuse("asterisk-and-more", "RFC 9112 3.2.4", line("OPTIONS *a HTTP/1.1")),
    refuse("no-slash", "RFC 9112 3.2", target("a/b")),
    refuse("query-only", "RFC 9112 3.2", target("?a")),
    refuse("authority-get", "RFC 9112 3.2.3: CONNECT only", target("a:80")),
    refuse("connect-origin-form", "RFC 9112 3.2.3", line("CONNECT / HTTP/1.1")),
    refuse("utf-8", "RFC 9112 3.2, reference 4.1", target("/caf\xc3\xa9")),
    refuse("control", "reference 4.1", target("/a\x01b")),
    refuse("delete", "reference 4.1", target("/a\x7fb")),
    refuse("form-feed", "reference 4.1", target("/a\x0cb")),
]

ROWS = {"line": LINE, "method": METHOD, "version": VERSION, "target": TARGET}
