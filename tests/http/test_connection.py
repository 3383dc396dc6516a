"""The state of a connection that no sample of bytes shows: continue, ends, moving to a sibling."""

from __future__ import annotations

import pickle

import pytest

from gunicorn.http import environ, errors
from gunicorn.http.connection import Connection
from gunicorn.http.environ import Listener
from tests.http.feeding import POLICY, STRANGER
from tests.http.test_requests import chunked, get

EXPECTING = get("Expect: 100-continue", "Content-Length: 5")


def connection_with(data: bytes) -> Connection:
    connection = Connection(POLICY, STRANGER)
    connection.feed(data)
    return connection


def test_continue_is_owed_until_said() -> None:
    connection = connection_with(EXPECTING)
    assert not connection.wants_continue()
    assert connection.next_request() is not None
    assert connection.wants_continue() and connection.wants_continue()
    connection.continue_sent()
    assert not connection.wants_continue()


@pytest.mark.parametrize("data", [EXPECTING + b"h", get("Expect: 100-continue"), get()])
def test_continue_is_not_owed(data: bytes) -> None:
    """RFC 9110, 10.1.1: not when the body is coming already, not without a body."""
    connection = connection_with(data)
    assert connection.next_request() is not None
    assert not connection.wants_continue()
    connection.take_body()
    assert not connection.wants_continue()


def test_next_request_waits_for_the_body_to_be_taken() -> None:
    connection = connection_with(get("Content-Length: 5", body=b"hello") + get())
    assert connection.next_request() is not None
    with pytest.raises(RuntimeError):
        connection.next_request()
    assert connection.take_body(2) + connection.take_body() == b"hello"
    assert connection.take_body() == b""
    assert connection.next_request() is not None


def test_nothing_is_parsed_after_the_last_request() -> None:
    connection = connection_with(get("Connection: close") + b"\0junk")
    request = connection.next_request()
    assert request is not None and request.should_close()
    assert connection.closing
    assert connection.next_request() is None
    connection.eof()


@pytest.mark.parametrize("data", [b"", get(), b"\r\n", get() + b"\r\n"])
def test_clean_ends(data: bytes) -> None:
    connection = connection_with(data)
    while connection.next_request() is not None:
        pass
    connection.eof()
    assert connection.is_idle


@pytest.mark.parametrize("data", [get()[:9], get("Content-Length: 5", body=b"h"), chunked(b"5")])
def test_cut_ends(data: bytes) -> None:
    connection = connection_with(data)
    connection.next_request()
    connection.take_body()
    with pytest.raises(errors.NoMoreData):
        connection.eof()
    with pytest.raises(errors.NoMoreData):
        connection.next_request()
    assert not connection.is_idle


def test_bytes_are_not_copied_on_their_way_in() -> None:
    data = get()
    connection = connection_with(data)
    assert connection._buffer is data


SAMPLES = [
    get() + get("X: y", line="GET /b HTTP/1.1"),
    get("Content-Length: 5", body=b"hello") + get(),
    chunked(b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n") + get(),
]


@pytest.mark.parametrize("data", SAMPLES)
def test_conversation_can_move_to_another_process_at_any_byte(data: bytes) -> None:
    """What was read of a connection travels with it (design, section 5)."""
    for at in range(len(data)):
        connection = Connection(POLICY, STRANGER)
        base = environ.base_environ(POLICY, Listener("a", "1", False), STRANGER, sock=lambda: None)
        connection.base_environ = base  # a lambda cannot be pickled, nor can a socket
        uris: list[str] = []
        body = b""
        for piece in (data[:at], data[at:]):
            connection.feed(piece)
            while True:
                body += connection.take_body()
                request = connection.next_request() if connection.body_done else None
                if request is None:
                    break
                uris.append(request.uri)
                if connection.body_done:
                    request.anything = lambda: None
                environ.build(base, request, POLICY)
            moved = pickle.loads(pickle.dumps(connection))
            assert moved.base_environ is None
            assert (moved.requests, moved.body_done) == (len(uris), connection.body_done)
            connection = moved
        assert len(uris) == 2
        assert body in (b"", b"hello")
        assert connection.is_idle


def test_a_head_repeated_byte_for_byte_says_the_same_however_it_comes() -> None:
    head = b"GET /a?b=c#d HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n"
    connection = Connection(POLICY, STRANGER)
    found = []
    for pieces in ([head], [head], _bytes(head), [head], [b"\r\n", head], [b"\r\n" + head]):
        request = None
        for piece in pieces:
            assert request is None
            connection.feed(piece)
            request = connection.next_request()
        assert request is not None
        assert connection.is_idle
        found.append((request.method, request.uri, request.query, request.fragment))
        assert request.headers == [("HOST", "a"), ("X-A", "1")]
    assert found == [("GET", "/a?b=c#d", "b=c", "d")] * 6
    assert connection.requests == 6


def test_the_bodies_of_repeated_heads_are_taken() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
    connection = Connection(POLICY, STRANGER)
    for body in (b"abc", b"def"):
        connection.feed(head)
        assert connection.next_request() is not None
        assert not connection.body_done
        connection.feed(body)
        assert connection.take_body() == body
        assert connection.body_done


def test_a_repeated_head_that_closes_ends_the_connection_each_time() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    for _ in range(2):
        connection = Connection(POLICY, STRANGER)
        connection.feed(head + head)
        assert connection.next_request() is not None
        assert connection.closing
        assert connection.next_request() is None


def _bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]
