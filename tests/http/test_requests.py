"""Requests that are in order: what they mean, however they arrive; tables of rows and clauses."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gunicorn.http.limits import Policy
from gunicorn.http.proxy import Peer
from tests.http.feeding import FORWARDER, POLICY, STRANGER, check

FOLDING = Policy(permit_obsolete_folding=True)
STRIPPING = Policy(strip_header_spaces=True)
METHODS = Policy(permit_unconventional_http_method=True)
VERSIONS = Policy(permit_unconventional_http_version=True)
CASEFOLD = Policy(casefold_http_method=True)
DANGEROUS = Policy(header_map="dangerous")
PROXY = Policy(proxy_protocol=True)


@dataclasses.dataclass
class Row:
    id: str
    clause: str
    data: bytes
    #: for each request, the attributes that matter
    requests: list[dict[str, Any]]
    policy: Policy = POLICY
    peer: Peer = STRANGER


def one(id: str, clause: str, data: bytes, policy: Policy = POLICY, **seen: Any) -> Row:
    return Row(id, clause, data, [seen], policy)


def get(*fields: str, line: str = "GET / HTTP/1.1", body: bytes = b"") -> bytes:
    return "\r\n".join([line, "Host: a", *fields, "", ""]).encode("latin-1") + body


def chunked(body: bytes, *fields: str) -> bytes:
    return get("Transfer-Encoding: chunked", *fields, line="POST / HTTP/1.1", body=body)


def target(uri: str, path: str, query: str = "", fragment: str = "") -> Row:
    return one(
        f"target {uri}",
        "RFC 9112 3.2",
        get(line=f"GET {uri} HTTP/1.1"),
        uri=uri,
        path=path,
        query=query,
        fragment=fragment,
    )


def value(text: str, seen: str) -> Row:
    return one(
        f"value {text!r}", "RFC 9110 5.5", get(f"X: {text}"), headers=[("HOST", "a"), ("X", seen)]
    )


FOLDED_CERTIFICATE = [
    "X-SSL-Cert: -----BEGIN CERTIFICATE-----",
    *["\tMIIFbTCCBFWgAwIBAgICH4cw"] * 28,
]

#: section 12 of the behaviour reference
CORPUS = [
    one(
        "v1",
        "reference 12",
        b"PUT /stuff/here?foo=bar HTTP/1.0\r\nServer: http://127.0.0.1:5984\r\n"
        b"Content-Type: application/json\r\nContent-Length: 14\r\n\r\n"
        b'{"nom": "nom"}',
        method="PUT",
        path="/stuff/here",
        query="foo=bar",
        version=(1, 0),
        body=b'{"nom": "nom"}',
    ),
    one(
        "v2",
        "reference 12",
        b"GET /test HTTP/1.1\r\nUser-Agent: curl/7.18.0\r\nHost: 0.0.0.0=5000\r\n"
        b"Accept: */*\r\n\r\n",
        headers=[("USER-AGENT", "curl/7.18.0"), ("HOST", "0.0.0.0=5000"), ("ACCEPT", "*/*")],
    ),
    one(
        "v3",
        "reference 12",
        get("Accept-Language: en-us,en;q=0.5", "Keep-Alive: 300", "Connection: keep-alive"),
        close=False,
    ),
    one(
        "v4",
        "reference 12",
        get("aaaaaaaaaaaaa:++++++++++"),
        headers=[("HOST", "a"), ("AAAAAAAAAAAAA", "++++++++++")],
    ),
    one(
        "v5",
        "reference 12",
        get(line="GET /forums/1/topics/2375?page=1#posts-17408 HTTP/1.1"),
        path="/forums/1/topics/2375",
        query="page=1",
        fragment="posts-17408",
    ),
    one("v6", "reference 12", b"GET /no/headers HTTP/1.0\r\n\r\n", headers=[], body=b""),
    one("v8", "reference 12", get("conTENT-Length: 5", body=b"HELLO"), body=b"HELLO"),
    one("v10", "reference 12", chunked(b"1e\r\n" + b"a" * 30 + b"\r\n0\r\n\r\n"), body=b"a" * 30),
    one(
        "v11",
        "reference 12",
        chunked(b"5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n"),
        body=b"hello world",
    ),
    one(
        "v12",
        "reference 12",
        chunked(b"5\r\nhello\r\n0\r\nVary: *\r\nContent-Type: text/plain\r\n\r\n"),
        body=b"hello",
        trailers=[("VARY", "*"), ("CONTENT-TYPE", "text/plain")],
        headers=[("HOST", "a"), ("TRANSFER-ENCODING", "chunked")],
    ),
    one(
        "v13",
        "reference 12",
        chunked(b"5; some; parameters=stuff\r\nhello\r\n0\r\n\r\n"),
        body=b"hello",
    ),
    one(
        "v14",
        "reference 12",
        get(line='GET /with_"quotes"?foo="bar" HTTP/1.1'),
        path='/with_"quotes"',
        query='foo="bar"',
    ),
    one(
        "v16",
        "reference 12, RFC 9112 5.2",
        get(*FOLDED_CERTIFICATE),
        FOLDING,
        headers=[
            ("HOST", "a"),
            (
                "X-SSL-CERT",
                "-----BEGIN CERTIFICATE-----" + " MIIFbTCCBFWgAwIBAgICH4cw" * 28,
            ),
        ],
    ),
    one(
        "v17",
        "reference 12",
        get("If-Match: bazinga!", "If-Match: large-sound"),
        headers=[("HOST", "a"), ("IF-MATCH", "bazinga!"), ("IF-MATCH", "large-sound")],
    ),
    Row("v18", "reference 12", get() + get(line="GET /b HTTP/1.1"), [{"uri": "/"}, {"uri": "/b"}]),
    Row("v19", "reference 12", b"GET /a HTTP/1.0\r\n\r\nGET /b HTTP/1.1\r\n\r\n", [{"uri": "/a"}]),
    Row(
        "v20",
        "reference 12",
        b"POST / HTTP/1.0\r\nContent-Length: 24\r\n\r\nGET /evil HTTP/1.1\r\n\r\nxx",
        [{"body": b"GET /evil HTTP/1.1\r\n\r\nxx", "close": True}],
    ),
    Row("v21", "reference 12", get("Connection: Close") + get(), [{"close": True}]),
    Row(
        "v22",
        "reference 12",
        b"GET /first HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" + get(),
        [{"uri": "/first", "close": False}, {"uri": "/"}],
    ),
    Row(
        "v23",
        "reference 12",
        chunked(b"1\r\na\r\n0\r\n\r\n") + get(line="GET /second HTTP/1.1"),
        [{"body": b"a"}, {"uri": "/second", "body": b""}],
    ),
    Row(
        "pp1",
        "reference 12, 4.7",
        b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n" + get("Connection: close"),
        [
            {
                "proxy": {
                    "proxy_protocol": "TCP4",
                    "client_addr": "192.168.0.1",
                    "client_port": 56324,
                    "proxy_addr": "192.168.0.11",
                    "proxy_port": 443,
                }
            }
        ],
        PROXY,
        FORWARDER,
    ),
]

LINES = [
    *[
        one(f"method {name}", "RFC 9110 9.1", get(line=f"{name} / HTTP/1.1"), method=name)
        for name in ("GET", "HEAD", "PATCH", "PROPFIND", "M-SEARCH", "ACL", "A" * 20, "A_B", "X!1")
    ],
    one(
        "any token",
        "permit_unconventional_http_method",
        get(line="x# / HTTP/1.1"),
        METHODS,
        method="x#",
    ),
    one("casefold", "casefold_http_method", get(line="post / HTTP/1.1"), CASEFOLD, method="POST"),
    one("1.0", "RFC 9112 2.3", b"GET / HTTP/1.0\r\n\r\n", version=(1, 0), close=True),
    one("1.1", "RFC 9112 2.3", get(), version=(1, 1), close=False),
    one(
        "1.9",
        "permit_unconventional_http_version",
        get(line="GET / HTTP/1.9"),
        VERSIONS,
        version=(1, 9),
    ),
    one("empty line", "RFC 9112 2.2", b"\r\n" + get(), uri="/"),
    Row("empty line between", "RFC 9112 2.2", get() + b"\r\n" + get(), [{}, {}]),
    target("/", "/"),
    target("//h/p", "//h/p"),
    target("/?", "/"),
    target("/a;b=c", "/a;b=c"),
    target("/a?b?c", "/a", "b?c"),
    target("/a#b?c", "/a", "", "b?c"),
    target("/a?b#c#d", "/a", "b", "c#d"),
    target("/a%20b%2f?%20", "/a%20b%2f", "%20"),
    target("/%zz", "/%zz"),
    target("/a|b^c`{}", "/a|b^c`{}"),
    target("/../a", "/../a"),
    target("/*", "/*"),
    target("http://a/b?c#d", "/b", "c", "d"),
    target("HTTPS://a.b:443/c", "/c"),
    target("http://[::1]:80/c", "/c"),
    target("http://a", "/"),
    target("http://a?b", "/", "b"),
    one("asterisk", "RFC 9112 3.2.4", get(line="OPTIONS * HTTP/1.1"), uri="*", path="*"),
    one("asterisk by absolute", "RFC 9112 3.2.4", get(line="OPTIONS http://a HTTP/1.1"), path="*"),
    one("options path", "RFC 9112 3.2.4", get(line="OPTIONS /x HTTP/1.1"), path="/x"),
    one("connect", "RFC 9112 3.2.3", get(line="CONNECT a.b:443 HTTP/1.1"), uri="a.b:443", path=""),
    one("connect v6", "RFC 9112 3.2.3", get(line="CONNECT [::1]:443 HTTP/1.1"), uri="[::1]:443"),
]

FIELDS = [
    value("b", "b"),
    value(" \t b \t", "b"),
    value("", ""),
    value("b  c\td", "b  c\td"),
    value("a:b:c", "a:b:c"),
    value("\xe9\xa0", "\xe9\xa0"),
    value("\x85x\x85", "\x85x\x85"),
    one("all token characters", "RFC 9110 5.6.2", get("!#$%&'*+-.^`|~09azAZ: x"),
        headers=[("HOST", "a"), ("!#$%&'*+-.^`|~09AZAZ", "x")]),
    one("space stripped", "strip_header_spaces", get("X \t: b"), STRIPPING,
        headers=[("HOST", "a"), ("X", "b")]),
    one("fold of blanks", "RFC 9112 5.2", get("X: a", "  ", "\tb"), FOLDING,
        headers=[("HOST", "a"), ("X", "a  b")]),
    one("fold right after colon", "RFC 9112 5.2", get("X:", " b"), FOLDING,
        headers=[("HOST", "a"), ("X", "b")]),
    one("underscore dropped", "reference 4.2, B#41", get("X_A: b", "X-A: c"),
        headers=[("HOST", "a"), ("X-A", "c")]),
    one("underscore let in", "header_map = dangerous", get("X_A: b"), DANGEROUS,
        headers=[("HOST", "a"), ("X_A", "b")]),
    one("underscore never frames", "header_map = dangerous", get("Content_Length: 5"), DANGEROUS,
        body=b"", headers=[("HOST", "a")]),
    one("coding with underscore never frames", "B#41", get("Transfer_Encoding: chunked"), DANGEROUS,
        body=b""),
    Row("forwarder's name", "forwarder_headers", get("SCRIPT_NAME: /x", "X_Y: z"),
        [{"headers": [("HOST", "a"), ("SCRIPT_NAME", "/x")]}], peer=FORWARDER),
    Row("stranger's name", "forwarder_headers", get("SCRIPT_NAME: /x"),
        [{"headers": [("HOST", "a")]}]),
    *[
        one(f"host {host}", "RFC 9110 7.2", f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(),
            headers=[("HOST", host)])
        for host in ("a", "A.b-c_d~e", "a:80", "a:", "127.0.0.1:8000", "[::1]", "[::1]:80", "",
                     "a%2fb", "0.0.0.0=5000")
    ],
]  # fmt: skip

BODIES = [
    one("length 0", "RFC 9112 6.2", get("Content-Length: 0"), body=b""),
    one("length", "RFC 9112 6.2", get("Content-Length: 3", body=b"abc"), body=b"abc"),
    one("zeros before", "RFC 9110 8.6", get("Content-Length: 003", body=b"abc"), body=b"abc"),
    one("blanks around", "RFC 9110 5.5", get("Content-Length:\t3 ", body=b"abc"), body=b"abc"),
    one("crlf in body", "RFC 9112 6", get("Content-Length: 4", body=b"\r\n\r\n"), body=b"\r\n\r\n"),
    one("empty chunked", "RFC 9112 7.1", chunked(b"0\r\n\r\n"), body=b""),
    one("chunked any case", "RFC 9112 7", get("transfer-encoding: ChunKed", body=b"0\r\n\r\n")),
    one("hex any case", "RFC 9112 7.1", chunked(b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
        body=b"0123456789" * 2),
    one("chunk of crlf", "RFC 9112 7.1", chunked(b"2\r\n\r\n\r\n0\r\n\r\n"), body=b"\r\n"),
    one("chunk like the last", "RFC 9112 7.1", chunked(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"),
        body=b"0\r\n\r\n"),
    one("quoted extension", "RFC 9112 7.1.1", chunked(b'1;a="b\\";c"\r\nx\r\n0;d\r\n\r\n'),
        body=b"x"),
    one("bad whitespace", "RFC 9112 7.1.1", chunked(b"1 ; a = b\r\nx\r\n0\r\n\r\n"), body=b"x"),
    one("sixteen digits", "RFC 9112 7.1", chunked(b"0000000000000001\r\nx\r\n0\r\n\r\n"),
        body=b"x"),
    one("trailers are no fields", "RFC 9110 6.5.1",
        chunked(b"0\r\nHost: b\r\nContent-Length: 5\r\nA_B: c\r\n\r\n"),
        headers=[("HOST", "a"), ("TRANSFER-ENCODING", "chunked")],
        trailers=[("HOST", "b"), ("CONTENT-LENGTH", "5"), ("A_B", "c")], body=b""),
    one("trailers may fold", "permit_obsolete_folding",
        chunked(b"0\r\nA: b\r\n c\r\n\r\n"), FOLDING, trailers=[("A", "b c")]),
    Row("body, then trailers, then body", "RFC 9112 9.3.2",
        chunked(b"1\r\na\r\n0\r\nX: y\r\n\r\n") + get("Content-Length: 1", body=b"b"),
        [{"body": b"a", "trailers": [("X", "y")]}, {"body": b"b", "trailers": []}]),
]  # fmt: skip

PERSISTENCE = [
    one(
        f"{line[-3:]} {fields}",
        "RFC 9112 9.3, RFC 9110 7.6.1",
        get(*fields, line=line),
        close=close,
    )
    for line, fields, close in (
        ("GET / HTTP/1.1", (), False),
        ("GET / HTTP/1.1", ("Connection: close",), True),
        ("GET / HTTP/1.1", ("Connection: x, CLOSE",), True),
        ("GET / HTTP/1.1", ("Connection: x", "Connection: close"), True),
        ("GET / HTTP/1.1", ("Connection: keep-alive, close",), True),
        ("GET / HTTP/1.1", ("Connection: closed",), False),
        ("GET / HTTP/1.1", ("Connection:",), False),
        ("GET / HTTP/1.0", (), True),
        ("GET / HTTP/1.0", ("Connection: keep-alive",), False),
        ("GET / HTTP/1.0", ("Connection: x , Keep-Alive",), False),
        ("GET / HTTP/1.0", ("Connection: keep-alive, close",), True),
        ("GET / HTTP/1.0", ("Connection: upgrade",), True),
    )
]

EXPECT = [
    one("known", "RFC 9110 10.1.1", get("Expect: 100-Continue", "Content-Length: 1", body=b"a"),
        body=b"a"),
    one("1.0", "RFC 9110 10.1.1", b"POST / HTTP/1.0\r\nExpect: tea\r\n\r\n", uri="/"),
]  # fmt: skip

PROXIED = [
    Row("optional", "reference 4.7", get(), [{"proxy": None}], PROXY, FORWARDER),
    Row("method like it", "reference 4.7", get(line="PRO / HTTP/1.1"), [{"method": "PRO"}], PROXY),
    Row("unix peer", "reference 4.8", b"PROXY TCP6 ::1 ::2 1 0\r\n" + get() + get(),
        [{"proxy": {"proxy_protocol": "TCP6", "client_addr": "::1", "client_port": 1,
                    "proxy_addr": "::2", "proxy_port": 0}}] * 2, PROXY, Peer("", "", True)),
    Row("empty line after it", "RFC 9112 2.2", b"PROXY TCP6 ::1 ::2 1 0\r\n\r\n" + get(), [{}],
        PROXY, FORWARDER),
]  # fmt: skip

TABLES = {
    "corpus": CORPUS,
    "lines": LINES,
    "fields": FIELDS,
    "bodies": BODIES,
    "persistence": PERSISTENCE,
    "expect": EXPECT,
    "proxied": PROXIED,
}
ROWS = [
    pytest.param(row, id=f"{table}: {row.id}") for table, rows in TABLES.items() for row in rows
]


@pytest.mark.parametrize("row", ROWS)
def test_request_is_understood_however_it_arrives(row: Row) -> None:
    outcome = check(row.data, row.policy, row.peer)
    assert outcome.error is None
    assert len(outcome.requests) == len(row.requests)
    for seen, wanted in zip(outcome.requests, row.requests, strict=True):
        found = dataclasses.asdict(seen)
        assert {name: found[name] for name in wanted} == wanted
