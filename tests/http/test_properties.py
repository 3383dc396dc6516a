"""What holds for all bytes. The contract of the parser, in one sentence each.

* Any bytes give requests or a ProtocolError, never another exception.
* What one cut of the bytes gives, every cut gives.
* What goes out as an answer is read back by a client as what went in.
"""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gunicorn.http import environ
from gunicorn.http.connection import Connection
from gunicorn.http.environ import Listener
from gunicorn.http.errors import ProtocolError
from gunicorn.http.limits import Policy
from tests.http.answering import answer
from tests.http.feeding import FORWARDER, STRANGER, play

POLICIES = st.sampled_from(
    [
        Policy(),
        Policy(limit_line=30, limit_fields=3, limit_field_size=30),
        Policy(
            permit_obsolete_folding=True,
            strip_header_spaces=True,
            permit_unconventional_http_method=True,
            permit_unconventional_http_version=True,
            casefold_http_method=True,
            header_map="dangerous",
            limit_field_size=40,
        ),
        Policy(proxy_protocol=True, header_map="refuse"),
    ]
)
PEERS = st.sampled_from([STRANGER, FORWARDER])

#: what requests are made of, and what is put between to confuse
WORDS = st.sampled_from(
    [
        *(b"GET / HTTP/1.1\r\n", b"POST /a?b#c HTTP/1.1\r\n", b"GET / HTTP/1.0\r\n"),
        *(b"get * HTTP/2.0", b"Transfer-Encoding: gzip\r\n", b"Expect: 100-continue\r\n"),
        *(b"Host: a\r\n", b"Content-Length: 5\r\n", b"Content-Length: x\r\n", b"X_Y: z\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"X : y\r\n", b" folded\r\n"),
        *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"X-Forwarded-For: 1\r\n"),
        *(b"X-Forwarded-Proto: https\r\n", b"X-Forwarded-Ssl: off\r\n", b"SCRIPT_NAME: /a\r\n"),
        *(b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"\0", b" ", b"\t", b":", b"hello", b"\xe9"),
        *(b"5\r\n", b"5;a=b\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"fffffffff\r\n"),
        *(b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", b"PROXY", b"a" * 50),
        *(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n"),
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    ]
)  # fmt: skip
STREAMS = st.one_of(
    st.binary(max_size=200),
    st.lists(st.one_of(WORDS, WORDS, st.binary(max_size=5)), max_size=12).map(b"".join),
)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


@given(STREAMS, POLICIES, PEERS, st.lists(st.integers(0, 10_000), max_size=8))
def test_no_cut_changes_the_outcome(data: bytes, policy: Policy, peer: Any, at: list[int]) -> None:
    whole = play([data] if data else [], policy, peer)
    assert play(cut(data, at), policy, peer) == whole
    assert play((bytes([byte]) for byte in data), policy, peer) == whole


@given(STREAMS, POLICIES, PEERS, st.sampled_from(["", "/a"]))
def test_environ_of_any_request_is_valid(
    data: bytes, policy: Policy, peer: Any, script_name: str
) -> None:
    connection = Connection(policy, peer)
    base = environ.base_environ(policy, Listener("a", "80", False), peer)
    base["SCRIPT_NAME"] = script_name
    connection.feed(data)
    try:
        while (request := connection.next_request()) is not None:
            found = environ.build(base, request, policy)
            for key, value in found.items():
                if not key.startswith(("wsgi.", "gunicorn.")):
                    assert type(value) is str, key
                    value.encode("latin-1")
                    assert not set(value) & set("\r\n") or key == "PATH_INFO", key
            while not connection.body_done:
                if not connection.take_body() and not connection.body_done:
                    return
    except ProtocolError:
        pass


@given(st.binary(max_size=200), st.integers(1, 7))
def test_body_limit_only_cuts(data: bytes, limit: int) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in cut(data, [3, 50, 120]))
    for head, body in (
        (b"Content-Length: %d" % len(data), data),
        (b"Transfer-Encoding: chunked", chunks + b"0\r\nA: b\r\n\r\n"),
    ):
        connection = Connection(Policy(), STRANGER)
        connection.feed(b"POST / HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n" + body)
        assert connection.next_request() is not None
        taken = b""
        while not connection.body_done:
            part = connection.take_body(limit)
            assert len(part) <= limit
            taken += part
        assert taken == data
        assert connection.is_idle


@given(
    st.lists(st.binary(max_size=30), max_size=6),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["1.0", "1.1"]),
)
def test_client_reads_what_the_application_said(
    items: list[bytes], sized: bool, lazily: bool, version: str
) -> None:
    whole = b"".join(items)

    def application(environ: Any, start_response: Any) -> Any:
        headers = [("Content-Length", str(len(whole)))] if sized else []
        start_response("200 OK", headers)
        return iter(items) if lazily else items

    found = answer(application, version=version)
    assert found.body == whole
    assert found.response.sent == len(whole)
