"""Rows about field lines and about the one field every request must have, Host."""

from __future__ import annotations

from tests.blackbox.case import STRANGER, Fate, Profile, accept, get, message, refuse

FOLDING = Profile("folding", "permit_obsolete_folding = True")
STRIPPING = Profile("stripping", "strip_header_spaces = True")
MAP_REFUSE = Profile("map-refuse", "header_map = 'refuse'\nforwarded_allow_ips = ''", (), ("tcp",))
MAP_DANGEROUS = Profile(
    "map-dangerous", "header_map = 'dangerous'\nforwarded_allow_ips = ''", (), ("tcp",)
)


def value(text: str, seen: str, id: str, clause: str):
    return accept(id, clause, get(f"X-A:{text}"), environ={"HTTP_X_A": seen})


FIELDS = [
    value(" b", "b", "plain", "RFC 9112 5"),
    value("b", "b", "no-space", "RFC 9112 5.1"),
    value(" \t b \t ", "b", "blanks-around", "RFC 9112 5.1: OWS is no part of the value"),
    value("", "", "empty-value", "RFC 9110 5.5"),
    value("   ", "", "blank-value", "RFC 9110 5.5"),
    value(" b\tc  d", "b\tc  d", "blanks-within", "RFC 9110 5.5"),
    value(" b:c", "b:c", "colon-within", "RFC 9112 5"),
    value(" \xe9\xff", "\xe9\xff", "obs-text", "RFC 9110 5.5, PEP 3333: latin-1"),
    value(" \xc3\xa9", "\xc3\xa9", "utf-8", "PEP 3333: latin-1"),
    value(" \xa0b\xa0", "\xa0b\xa0", "no-break-space-is-no-blank", "RFC 9110 5.6.3"),
    value(" \x85b", "\x85b", "next-line-is-no-blank", "RFC 9110 5.6.3"),
    value(' "b" (c)', '"b" (c)', "quotes", "RFC 9110 5.5"),
    accept("name-case", "RFC 9110 5.1", get("x-MiXeD: 1"), environ={"HTTP_X_MIXED": "1"}),
    accept(
        "every-token-character",
        "RFC 9110 5.6.2",
        get("X!#$%&'*+.^`|~9: 1"),
        environ={"HTTP_X!#$%&'*+.^`|~9": "1"},
    ),
    accept(
        "repeated-joined",
        "RFC 9110 5.2, reference 4.9",
        get("X-A: 1", "X-B: 0", "x-a: 2"),
        environ={"HTTP_X_A": "1,2", "HTTP_X_B": "0"},
    ),
    accept(
        "repeated-cookie",
        "RFC 9113 8.2.3, B#46",
        get("Cookie: a=1", "Cookie: b=2"),
        environ={"HTTP_COOKIE": "a=1; b=2"},
    ),
    accept(
        "if-match-twice",
        "reference v17",
        get('If-Match: "a"', 'If-Match: "b"'),
        environ={"HTTP_IF_MATCH": '"a","b"'},
    ),
    accept("odd-name-and-value", "reference v7", get("aaaaaaaaaaaaa:++++++++++")),
    refuse("no-colon", "RFC 9112 5", get("X-A")),
    refuse("empty-name", "RFC 9110 5.1, reference 4.2", get(": b")),
    refuse("blank-before-colon", "RFC 9112 5.1", get("X-A : b")),
    refuse("tab-before-colon", "RFC 9112 5.1", get("X-A\t: b")),
    refuse("blank-in-name", "RFC 9112 5.1", get("X A: b")),
    refuse("blank-before-name", "RFC 9112 5.2", get("X-A: b", " X-B: c")),
    refuse("folded", "RFC 9112 5.2", get("X-A: b", " c")),
    refuse("folded-by-tab", "RFC 9112 5.2", get("X-A: b", "\tc")),
    refuse("folded-empty", "RFC 9112 5.2", get("X-A: b", " ")),
    refuse("blank-before-first", "RFC 9112 2.2", message("GET / HTTP/1.1", " Host: a")),
    *[
        refuse(f"name-with-{ord(bad):02x}", "RFC 9110 5.6.2", get(f"X{bad}A: b"))
        for bad in '\0\x01\x0b\x7f()<>@,;[]={}"/\\?\x80\xe9'
    ],
    *[
        refuse(f"value-with-{ord(bad):02x}", "RFC 9110 5.5", get(f"X-A: b{bad}c"))
        for bad in "\0\x01\x08\x0b\x0c\x1b\x7f"
    ],
    refuse("bare-cr-in-value", "RFC 9112 2.2", get("X-A: b\rc")),
    refuse("bare-lf-in-value", "RFC 9112 2.2", get("X-A: b\nX-B: c")),
    refuse("bare-cr-ends-value", "RFC 9112 2.2", get("X-A: b\r")),
    refuse("bare-lf-ends-block", "RFC 9112 2.2", b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    refuse("cr-lf-lf", "RFC 9112 2.2", b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
    refuse("nul-ends-name", "reference x5", get("X-A\0: b")),
    refuse("content-type-twice", "reference 4.2", get("Content-Type: a/b", "Content-Type: a/b")),
]

UNDERSCORE = [
    accept(
        "dropped",
        "reference 4.2, B#41",
        get("X_A: bad"),
        absent=("HTTP_X_A",),
        profile=STRANGER,
    ),
    accept(
        "does-not-shadow",
        "B#41",
        get("X-A: good", "X_A: bad"),
        environ={"HTTP_X_A": "good"},
        profile=STRANGER,
    ),
    accept(
        "does-not-shadow-in-front",
        "B#41",
        get("X_Forwarded-For: 1.2.3.4", "X-Forwarded_For: 1.2.3.4"),
        absent=("HTTP_X_FORWARDED_FOR",),
        profile=STRANGER,
    ),
    accept(
        "dropped-from-trusted-when-not-listed",
        "setting forwarder_headers",
        get("X_A: bad"),
        absent=("HTTP_X_A",),
    ),
    accept(
        "content-length-spelt-so-is-none",
        "RFC 9112 6, B#41",
        get("Content_Length: 5"),
        absent=("CONTENT_LENGTH", "HTTP_CONTENT_LENGTH"),
        body=b"",
    ),
    accept(
        "transfer-encoding-spelt-so-is-none",
        "RFC 9112 6, B#41",
        get("Transfer_Encoding: chunked"),
        absent=("HTTP_TRANSFER_ENCODING",),
        body=b"",
    ),
    refuse("refused", "setting header_map", get("X_A: b"), profile=MAP_REFUSE),
    accept(
        "dangerous",
        "setting header_map",
        get("X_A: b"),
        environ={"HTTP_X_A": "b"},
        profile=MAP_DANGEROUS,
    ),
]

OPT_OUTS = [
    accept(
        "folding-permitted",
        "setting permit_obsolete_folding",
        get("X-A: b", " c"),
        profile=FOLDING,
    ),
    refuse(
        "folding-permitted-but-not-first",
        "RFC 9112 2.2",
        message("GET / HTTP/1.1", " Host: a"),
        profile=FOLDING,
    ),
    refuse(
        "folding-permitted-but-not-bare-lf",
        "RFC 9112 2.2",
        get("X-A: b\n c"),
        profile=FOLDING,
    ),
    accept(
        "spaces-stripped",
        "setting strip_header_spaces",
        get("X-A : b"),
        environ={"HTTP_X_A": "b"},
        profile=STRIPPING,
    ),
    accept(
        "spaces-stripped-framing-counts",
        "RFC 9112 5.1: what is stripped still means what it says",
        message("POST / HTTP/1.1", "Host: a", "Content-Length : 3", body=b"abc"),
        body=b"abc",
        profile=STRIPPING,
    ),
    refuse(
        "spaces-stripped-duplicates-count",
        "RFC 9112 6.3",
        message("POST / HTTP/1.1", "Host: a", "Content-Length : 3", "Content-Length: 5"),
        profile=STRIPPING,
    ),
]


def host(text: str) -> bytes:
    return message("GET / HTTP/1.1", f"Host: {text}")


HOST = [
    *[
        accept(f"accepted-{text}", "RFC 9110 7.2", host(text), environ={"HTTP_HOST": text})
        for text in (
            "example.com",
            "EXAMPLE.com",
            "example.com:8080",
            "example.com:",
            "127.0.0.1",
            "[::1]",
            "[::1]:80",
            "[2001:db8::1]:65535",
            "a-b_c.d~e",
            "0.0.0.0=5000",
            "a%20b",
        )
    ],
    accept("none-in-1.0", "RFC 9112 3.2", message("GET / HTTP/1.0"), Fate.CLOSE),
    refuse("none", "RFC 9112 3.2", message("GET / HTTP/1.1")),
    refuse("twice", "RFC 9112 3.2", message("GET / HTTP/1.1", "Host: a", "Host: b")),
    refuse("twice-the-same", "RFC 9112 3.2", message("GET / HTTP/1.1", "Host: a", "Host: a")),
    refuse("twice-in-1.0", "RFC 9112 3.2", message("GET / HTTP/1.0", "Host: a", "Host: a")),
    refuse("none-with-absolute-target", "RFC 9112 3.2", message("GET http://a/ HTTP/1.1")),
    *[
        refuse(f"bad-{text}", "RFC 9112 3.2, RFC 3986 3.2", host(text))
        for text in (
            "a b",
            "a,b",
            "a/b",
            "a?b",
            "a#b",
            "user@a",
            "a:b",
            "a:80:80",
            "a:-1",
            "a:+80",
            "[::1",
            "::1",
            "[::1]a",
            "a\\b",
            "<a>",
            'a"b',
            "caf\xc3\xa9",
        )
    ],
]

ROWS = {"fields": FIELDS, "underscore": UNDERSCORE, "opt-outs": OPT_OUTS, "host": HOST}
