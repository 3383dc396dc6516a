"""Response heads are remembered between answers; nobody may be able to tell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gunicorn.http import errors, response, wsgi

HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "3")]


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "_HEADS", {})


def _block(headers: object) -> bytes:
    return response.parse_head("200 OK", headers).block  # type: ignore[arg-type]


def test_same_headers_give_the_same_fields_again() -> None:
    first = response.parse_head("200 OK", HEADERS[:])
    assert response.parse_head("200 OK", HEADERS[:]) is first


def test_status_is_part_of_what_is_remembered() -> None:
    assert response.parse_head("200 OK", HEADERS).length == 3
    assert response.parse_head("204 No Content", HEADERS).length is None


@pytest.mark.parametrize("values", [(1, True), (True, 1), (1, 1.0), ("1", 1)])
def test_equal_values_with_different_texts_stay_apart(values: tuple[object, object]) -> None:
    blocks = [_block([("X-A", value)]) for value in values]
    assert blocks == [f"X-A: {value}\r\n".encode() for value in values]


def test_a_list_changed_by_the_application_is_read_anew() -> None:
    headers = [("X-A", "1")]
    _block(headers)
    headers[0] = ("X-A", "2")
    assert _block(headers) == b"X-A: 2\r\n"


def test_fields_that_are_lists_pass() -> None:
    for _ in range(2):
        assert _block([["X-A", "1"]]) == b"X-A: 1\r\n"


def test_refused_headers_are_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(errors.ResponseError):
            _block([("X-A", "1\r\nX-B: 2")])


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "_HEADS_MAX", 4)
    for number in range(20):
        _block([("X-A", str(number))])
    assert len(response._HEADS) <= 4


def test_the_date_is_of_the_second_it_is_sent_in(monkeypatch: pytest.MonkeyPatch) -> None:
    head = response.parse_head("200 OK", HEADERS)
    for now in (1_000_000_000.2, 1_000_000_000.9, 1_000_000_001.0):
        monkeypatch.setattr(response.time, "time", lambda now=now: now)
        text = head.to_bytes(response.CONNECTION_CLOSE)
        assert f"Date: {response.http_date(now)}\r\nConnection: close\r\n".encode() in text


def test_each_way_to_end_a_connection_has_its_own_text() -> None:
    head = response.parse_head("200 OK", HEADERS)
    for _ in range(2):
        for connection in (response.CONNECTION_CLOSE, response.CONNECTION_KEEP_ALIVE):
            assert connection in head.to_bytes(connection)


def test_hooks_that_change_the_headers_of_an_answer_change_no_other() -> None:
    for _ in range(2):
        request: Any = SimpleNamespace(version=(1, 1), method="GET")
        answer = wsgi.Response(request, SimpleNamespace(sendall=None))
        answer.start_response("200 OK", HEADERS[:])
        assert answer.headers == HEADERS
        answer.headers.append(("X-Hook", "1"))
