"""Response fields are remembered between answers; nobody may be able to tell."""

from __future__ import annotations

import pytest

from gunicorn.http import errors, response

HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "3")]


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "_FIELDS", {})


def test_same_headers_give_the_same_fields_again() -> None:
    first = response.parse_response_fields(HEADERS[:], 200)
    assert response.parse_response_fields(HEADERS[:], 200) is first


def test_status_is_part_of_what_is_remembered() -> None:
    assert response.parse_response_fields(HEADERS, 200).length == 3
    assert response.parse_response_fields(HEADERS, 204).length is None


@pytest.mark.parametrize("values", [(1, True), (True, 1), (1, 1.0), ("1", 1)])
def test_equal_values_with_different_texts_stay_apart(values: tuple[object, object]) -> None:
    blocks = [response.parse_response_fields([("X-A", value)], 200).block for value in values]
    assert blocks == [f"X-A: {value}\r\n".encode() for value in values]


def test_a_list_changed_by_the_application_is_read_anew() -> None:
    headers = [("X-A", "1")]
    response.parse_response_fields(headers, 200)
    headers[0] = ("X-A", "2")
    assert response.parse_response_fields(headers, 200).block == b"X-A: 2\r\n"


def test_fields_that_are_lists_pass() -> None:
    for _ in range(2):
        assert response.parse_response_fields([["X-A", "1"]], 200).block == b"X-A: 1\r\n"


def test_refused_headers_are_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(errors.ResponseError):
            response.parse_response_fields([("X-A", "1\r\nX-B: 2")], 200)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response, "_CACHE_MAX", 4)
    for number in range(20):
        response.parse_response_fields([("X-A", str(number))], 200)
    assert len(response._FIELDS) <= 4
