"""Answers, as PEP 3333 and RFC 9112 want them (behaviour reference 4.10 to 4.12, B#7 to B#11)."""

from __future__ import annotations

import http.client
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from gunicorn.http import errors, response, wsgi
from tests.http.answering import Answer, Sink, answer

PLAIN = ("Content-Type", "text/plain")


def app(
    result: Any, *headers: tuple[Any, Any], status: Any = "200 OK", valid: bool = True
) -> Callable[..., Any]:
    def application(environ: Any, start_response: Any) -> Any:
        start_response(status, [PLAIN, *headers] if valid else list(headers))
        return result() if callable(result) else result

    return validator(application) if valid else application


class Closing:
    def __init__(self, *items: Any) -> None:
        self.items = iter(items)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        item = next(self.items)
        if isinstance(item, BaseException):
            raise item
        return item  # type: ignore[no-any-return]

    def close(self) -> None:
        self.closed += 1


def length(size: int) -> tuple[str, str]:
    return ("Content-Length", str(size))


FRAMES = [
    # clause, result, headers, method, version, framing, body, connection
    ("RFC 9112 6.2", [b"abc"], [length(3)], "GET", "1.1", "length", b"abc", "keep-alive"),
    ("RFC 9112 7.1", [b"abc"], [], "GET", "1.1", "chunked", b"abc", "keep-alive"),
    ("RFC 9112 7.1", [b"a", b"", b"bc"], [], "GET", "1.1", "chunked", b"abc", "keep-alive"),
    ("RFC 9112 7.1", [], [], "GET", "1.1", "chunked", b"", "keep-alive"),
    ("RFC 9112 6.2", [], [length(0)], "GET", "1.1", "length", b"", "keep-alive"),
    ("RFC 9112 6.2", [b""], [length(0)], "GET", "1.1", "length", b"", "keep-alive"),
    ("RFC 9112 6.3", [b"abc"], [], "GET", "1.0", "close", b"abc", "close"),
    ("RFC 9112 9.3", [b"abc"], [length(3)], "GET", "1.0", "length", b"abc", "close"),
    ("RFC 9110 9.3.2", [b"abc"], [length(3)], "HEAD", "1.1", "length", b"", "keep-alive"),
    ("RFC 9110 9.3.2", [b"abc"], [], "HEAD", "1.1", "none", b"", "keep-alive"),
    ("RFC 9110 9.3.2", [], [length(9)], "HEAD", "1.1", "length", b"", "keep-alive"),
    ("RFC 9110 9.3.2", [b"abc"], [], "HEAD", "1.0", "none", b"", "close"),
]


@pytest.mark.parametrize("lazily", [False, True], ids=["list", "iterator"])
@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: " ".join(map(str, frame)))
def test_body_is_framed(frame: tuple[Any, ...], lazily: bool) -> None:
    _, result, headers, method, version, framing, body, connection = frame
    found = answer(
        app((lambda: iter(result)) if lazily else result, *headers), method=method, version=version
    )
    assert found.body == body
    assert found.connection == connection
    assert found.response.should_close() is (connection == "close")
    framings = {
        "length": bool(found.values("Content-Length")),
        "chunked": found.values("Transfer-Encoding") == ["chunked"],
    }
    assert framings == {"length": framing == "length", "chunked": framing == "chunked"}
    assert found.response.chunked is (framing == "chunked")
    assert found.status_line == f"HTTP/{version} 200 OK"
    assert found.response.sent == len(body)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_status_without_body_has_none(status: str) -> None:
    found = answer(app([b"evil"], length(4), ("ETag", "x"), status=status, valid=False))
    assert found.rest == b""
    assert found.values("Transfer-Encoding") == []
    assert found.values("Content-Length") == (["4"] if status.startswith("304") else [])
    assert found.connection == "keep-alive"  # B#22


@pytest.mark.parametrize("status", ["100 Continue", "101 Switching", "103 Early Hints"])
def test_interim_status_in_place_of_an_answer_ends_the_connection(status: str) -> None:
    # RFC 9110, 15.2: what followed on the connection would be taken for the final answer
    found = answer(app([b"evil"], length(4), status=status, valid=False))
    assert found.rest == b""
    assert found.values("Transfer-Encoding") == found.values("Content-Length") == []
    assert found.connection == "close"


def test_order_and_uniqueness_of_the_head() -> None:
    found = answer(app([b"x"], ("x-B", " 1 "), ("X-A", "caf\xe9"), length(1), ("x-B", "2")))
    names = [line.partition(":")[0] for line in found.lines]
    assert names == [*("Server", "Date", "Connection", "Content-Type"),
                     *("x-B", "X-A", "Content-Length", "x-B")]  # fmt: skip
    assert found.lines[0] == "Server: gunicorn"
    assert re.fullmatch(r"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", found.lines[1])
    assert found.lines[4:6] == ["x-B: 1", "X-A: caf\xe9"]


def test_hop_by_hop_headers_are_dropped() -> None:
    ours = ["Connection", "keep-alive", "PROXY-Authenticate", "Proxy-Authorization", "TE",
            "Trailers", "Transfer-Encoding", "Upgrade", "Server", "Date"]  # fmt: skip
    found = answer(app([b"x"], length(1), *[(name, "close") for name in ours], valid=False))
    assert len(found.lines) == 4
    assert found.connection == "keep-alive"
    assert found.response.headers == [length(1)]


def test_upgrade_passes() -> None:
    headers = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("X", "y")]
    found = answer(app([], *headers, status="101 Switching Protocols", valid=False))
    assert found.values("Connection") == ["upgrade"]
    assert found.values("Upgrade") == ["websocket"]
    assert found.values("Transfer-Encoding") == []
    assert found.response.upgrade and found.response.should_close() and found.response.must_close


def test_small_answer_is_one_send() -> None:
    for headers in ([length(3)], []):
        assert len(answer(app([b"abc"], *headers, valid=False)).sink.sends) == 1
    assert len(answer(app([b"a", b"b", b"c"], valid=False)).sink.sends) == 1
    assert len(answer(app([], valid=False)).sink.sends) == 1


def test_large_answer_is_whole() -> None:
    data = bytes(range(256)) * 1024
    assert answer(app([data], length(len(data)))).body == data
    assert answer(app([data])).body == data
    assert answer(app(lambda: iter([data, b"x", data]))).body == data + b"x" + data


def test_items_go_out_as_they_come() -> None:
    """PEP 3333, "Buffering and Streaming": no block waits for the next one."""
    sink = Sink()
    sent = []

    def items() -> Iterator[bytes]:
        for item in (b"", b"a", b"", b"b"):
            sent.append(len(sink.sends))
            yield item

    found = answer(app(items, valid=False), sink=sink)
    assert sent == [0, 0, 1, 1]
    assert found.body == b"ab"


def test_write_and_iterable_together() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [PLAIN])
        write(b"a")
        write(b"b")
        return [b"c"]

    assert answer(validator(application)).body == b"abc"


def test_start_response_may_come_with_the_first_item() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        yield b""
        start_response("200 OK", [PLAIN])
        yield b"a"

    assert answer(application).body == b"a"


@pytest.mark.parametrize("items", [[b"abcdef"], [b"ab", b"cdef", b"gh"]])
@pytest.mark.parametrize("kind", [list, iter])
def test_too_long_is_cut(items: list[bytes], kind: Any) -> None:
    found = answer(app(kind(items), length(4), valid=False))
    assert found.rest == b"abcd"
    assert found.response.excess == len(b"".join(items)) - 4
    assert not found.response.should_close()


@pytest.mark.parametrize("items", [[], [b"ab"], [b"a", b"b"]])
def test_too_short_ends_the_connection(items: list[bytes]) -> None:
    found = answer(app(items, length(4), valid=False))
    assert found.response.shortfall == 4 - len(found.rest)
    assert found.response.must_close and found.response.should_close()
    with pytest.raises(http.client.IncompleteRead):
        _ = found.body


def test_close_is_called_once() -> None:
    for items in ([b"a"], []):
        result = Closing(*items)
        answer(app(result, valid=False))
        assert result.closed == 1


def test_close_is_called_once_after_an_error() -> None:
    result = Closing(b"a", RuntimeError("planned"))
    with pytest.raises(RuntimeError) as caught:
        answer(app(result, valid=False))
    assert result.closed == 1
    found: Answer = caught.value.answer  # type: ignore[attr-defined]
    assert found.response.headers_sent
    assert not found.wire.endswith(response.LAST_CHUNK), "B#11: a broken answer must not look whole"


def test_close_is_called_when_the_client_has_left() -> None:
    class Gone(Sink):
        def send(self, data: bytes) -> None:
            raise errors.ClientDisconnected("planned")

    result = Closing(b"a")
    with pytest.raises(errors.ClientDisconnected):
        answer(app(result, valid=False), sink=Gone())
    assert result.closed == 1


def replaced(headers: list[tuple[str, str]], status: str = "503 Later") -> Callable[..., Any]:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN, length(100), ("X-Old", "1"), ("Upgrade", "websocket"),
                                  ("Connection", "upgrade")])  # fmt: skip
        try:
            raise ValueError("planned")
        except ValueError:
            start_response(status, headers, sys.exc_info())
        return [b"later"]

    return application


@pytest.mark.parametrize("headers", [[], [length(5)], [("X-New", "1")]])
def test_exc_info_replaces_everything(headers: list[tuple[str, str]]) -> None:
    found = answer(replaced(headers))  # B#10
    assert found.status_line == "HTTP/1.1 503 Later"
    assert found.body == b"later"
    assert found.values("X-Old") == []
    assert found.response.headers == headers
    assert found.connection == "keep-alive"


def test_exc_info_after_the_head_raises_the_error() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN])(b"begun")
        try:
            raise ValueError("planned")
        except ValueError:
            start_response("503 Later", [PLAIN], sys.exc_info())
        return []

    with pytest.raises(ValueError, match="planned"):
        answer(application)


def starts_twice(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def writes_text(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", [])("text")
    return []


def never_starts(result: Any) -> Callable[..., Any]:
    return lambda environ, start_response: result


CLEAN_500 = [
    pytest.param(starts_twice, AssertionError, id="starts twice"),
    pytest.param(writes_text, TypeError, id="writes text"),
    pytest.param(never_starts([]), AssertionError, id="never starts, empty"),
    pytest.param(never_starts([b"a"]), AssertionError, id="never starts"),
    pytest.param(never_starts(iter([b"a"])), AssertionError, id="never starts, iterator"),
    pytest.param(never_starts(None), TypeError, id="returns None"),
    pytest.param(app(5, valid=False), TypeError, id="returns a number"),
    *[
        pytest.param(app(result, valid=False), TypeError, id=f"{result!r}")
        for result in (["text"], ["a", b"b"], [b"a", "b"], [None], [bytearray(b"a")], ("a",), "ab")
    ],
    *[
        pytest.param(app([], header, valid=False), errors.ResponseError, id=f"{header!r}")
        for header in (
            *[("X", f"a{bad}b") for bad in ("\r\n", "\r", "\n", "\0", "\x1f", "\x7f", "\r\n ")],
            *[("X", f"a{bad}") for bad in ("\r\n", "\n")],
            *[(f"X{bad}", "a") for bad in (":", " ", "\r\n", "\n", "\0", "\xe9", "\u20ac", "(")],
            *[("", "a"), (b"X", "a"), (1, "a"), ("X", b"a"), ("X", "\u20ac")],
            *[("Content-Length", bad) for bad in ("-1", "+1", "1_0", "x", "", "1.0", "\xb2")],
        )
    ],
    pytest.param(app([], length(1), length(2), valid=False), errors.ResponseError, id="lengths"),
    *[
        pytest.param(app([], status=status, valid=False), errors.ResponseError, id=f"{status!r}")
        for status in (
            *(200, b"200 OK", None, "", "OK", "20", "2000 OK", "20x OK", "099 X", "\xb200 OK"),
            *("200 OK\r\nX: y", "200 OK\n", "200 O\0K", "200 \u20ac", "200\tOK"),
        )
    ],
]  # fmt: skip


@pytest.mark.parametrize(("application", "error"), CLEAN_500)
def test_wrong_answer_is_refused_before_anything_is_sent(application: Any, error: Any) -> None:
    with pytest.raises(error) as caught:
        answer(application)
    found: Answer = caught.value.answer  # type: ignore[attr-defined]
    assert found.wire == b""
    assert not found.response.headers_sent


def test_values_become_text() -> None:
    found = answer(app([b"abc"], ("X-Number", 5), ("Content-Length", 3), valid=False))
    assert found.values("X-Number") == ["5"]
    assert found.body == b"abc"


def test_same_content_length_twice_is_sent_once() -> None:
    found = answer(app([b"a"], length(1), length(1), valid=False))
    assert found.values("Content-Length") == ["1"]


@pytest.mark.parametrize(
    ("version", "fields", "expected"),
    [
        ("1.1", (), "keep-alive"),
        ("1.1", ("Connection: close",), "close"),
        ("1.0", (), "close"),
        ("1.0", ("Connection: keep-alive",), "keep-alive"),
    ],
)
def test_connection_states_the_outcome(
    version: str, fields: tuple[str, ...], expected: str
) -> None:
    found = answer(app([b"a"], length(1)), version=version, fields=fields)
    assert found.connection == expected


def test_old_client_is_kept_only_with_a_length() -> None:
    found = answer(app([b"a"]), version="1.0", fields=("Connection: keep-alive",))
    assert found.connection == "close"
    assert found.rest == b"a"


def test_forced_close_is_told() -> None:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [length(1)])
        return Forcing()

    class Forcing:
        def __iter__(self) -> Iterator[bytes]:
            yield b"a"

    sink = Sink()
    found = answer(application, sink=sink)
    assert found.connection == "keep-alive"
    forced = wsgi.Response(found.response.req, sink)
    forced.force_close()
    forced.start_response("200 OK", [length(1)])(b"a")
    forced.close()
    assert b"\r\nConnection: close\r\n" in sink.sends[-1]


def test_signal_while_the_head_is_made_takes_back_no_promise() -> None:
    """A client that read "keep-alive" sends its next request: into a closed connection."""

    class Interrupted(wsgi.Response):
        def should_close(self) -> bool:
            judged = super().should_close()
            if not self.headers_sent:  # as a worker's handler of TERM asks
                self.force_close()
            return judged

    sink = Sink()
    response = Interrupted(answer(app([b"a"], length(1))).response.req, sink)
    response.start_response("200 OK", [length(1)])(b"a")
    response.close()
    assert b"\r\nConnection: keep-alive\r\n" in sink.wire
    assert not response.must_close


def test_early_hints() -> None:
    found = answer(app([b"a"], length(1)))
    sink = Sink()
    hinting = wsgi.Response(found.response.req, sink)
    hinting.early_hints([("Link", "</a.css>; rel=preload")])
    assert sink.wire == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    hinting.version = (1, 0)
    hinting.early_hints([("Link", "x")])
    assert len(sink.sends) == 1


def test_plain_socket_serves_as_sink() -> None:
    class Sock:
        def __init__(self) -> None:
            self.data = b""

        def sendall(self, data: bytes) -> None:
            self.data += data

    sock = Sock()
    found = answer(app([b"a"], length(1)))
    plain = wsgi.Response(found.response.req, sock)
    plain.start_response("200 OK", [length(50_000)])(b"x" * 50_000)
    plain.close()
    assert sock.data.endswith(b"\r\n\r\n" + b"x" * 50_000)
    assert plain.sock is sock


def test_iterables_of_all_kinds() -> None:
    kinds: list[Iterable[bytes]] = [
        {b"a": 1},
        (b"a",),
        iter([b"a"]),
        io.BytesIO(b"a"),
        Closing(b"a"),
    ]
    for result in kinds:
        assert answer(app(result, valid=False)).body == b"a"
