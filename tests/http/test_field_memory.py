"""What was said on one connection is remembered for others; nobody may be able to tell."""

from __future__ import annotations

import pytest

from gunicorn.http import environ, errors, head
from gunicorn.http.connection import Connection
from gunicorn.http.environ import Listener
from gunicorn.http.limits import Policy
from gunicorn.http.proxy import Peer

POLICY = Policy()
STRANGER = Peer("192.0.2.1", "1", False)
FORWARDER = Peer("127.0.0.1", "1", False)
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\r\n"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "_BLOCKS", {})


def _environ(peer: Peer, policy: Policy = POLICY, data: bytes = HEAD) -> environ.Environ:
    connection = Connection(policy, peer)
    connection.feed(data)
    request = connection.next_request()
    assert request is not None
    base = environ.base_environ(policy, Listener("a", "80", False), peer, sock=object())
    found = environ.build(base, request, policy)
    assert found["gunicorn.socket"] is base["gunicorn.socket"]
    return found


def test_a_forwarder_and_a_stranger_who_say_the_same_are_judged_apart() -> None:
    for _ in range(2):
        assert _environ(FORWARDER)["wsgi.url_scheme"] == "https"
        assert _environ(STRANGER)["wsgi.url_scheme"] == "http"


def test_connections_with_the_same_fields_keep_their_own_peers() -> None:
    for number in range(3):
        peer = Peer(f"192.0.2.{number}", str(number), False)
        found = _environ(peer)
        assert (found["REMOTE_ADDR"], found["REMOTE_PORT"]) == (peer.addr, peer.port)


def test_what_one_policy_permits_another_still_refuses() -> None:
    lenient = Policy(strip_header_spaces=True)
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX-A : 1\r\n\r\n"
    for _ in range(2):
        assert _environ(STRANGER, lenient, data)["HTTP_X_A"] == "1"
        with pytest.raises(errors.InvalidHeaderName):
            _environ(STRANGER, POLICY, data)


def test_versions_are_judged_apart() -> None:
    data = b"GET / HTTP/1.%d\r\nX-A: 1\r\n\r\n"
    for _ in range(2):
        assert _environ(STRANGER, POLICY, data % 0)["HTTP_X_A"] == "1"
        with pytest.raises(errors.InvalidHeader):
            _environ(STRANGER, POLICY, data % 1)


def test_long_fields_are_not_kept_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "_BLOCKS_MAX", 4)
    _environ(STRANGER, POLICY, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 512 + b"\r\n\r\n")
    assert not head._BLOCKS
    for number in range(20):
        _environ(STRANGER, POLICY, b"GET / HTTP/1.1\r\nHost: a\r\nX-A: %d\r\n\r\n" % number)
    assert 0 < len(head._BLOCKS) <= 4


def test_no_socket_is_kept_alive_by_what_is_remembered() -> None:
    for _ in range(2):
        _environ(STRANGER)
    assert all(known.template is head.NO_TEMPLATE for _, known in head._BLOCKS.values())
