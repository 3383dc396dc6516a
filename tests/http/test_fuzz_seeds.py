"""Inputs of the fuzz harness, replayed: where a search starts, and what searches have found."""

from __future__ import annotations

import pytest

from tests.http.fuzz_connection import check

#: policy and peer, cut, stream (see fuzz_connection.check)
SEEDS = [
    b"\x00\x00GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x04\x02POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    b"GET / HTTP/1.0\r\n\r\n",
    b"\x00\x01POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n"
    b"0\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x01\x03GET /aaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x02\x04get /a%20b HTTP/1.3\r\nHost: a\r\nX : b\r\n c\r\nX_Y: z\r\n\r\n",
    b"\x07\x05PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\nGET /a/b HTTP/1.1\r\nHost: a\r\n"
    b"SCRIPT_NAME: /a\r\nX-Forwarded-For: [::1]:5\r\nX-Forwarded-Proto: https\r\n\r\n",
    b"\x00\x00\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
    b"Connection: close\r\n\r\nx",
    b"\x00\x00CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nGET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
]


@pytest.mark.parametrize("seed", SEEDS)
def test_seed_keeps_the_contract(seed: bytes) -> None:
    check(seed)
