"""``wsgi.input``: every way of reading gives the same bytes (PEP 3333, behaviour reference 4.4)."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gunicorn.http import body


class Pieces:
    """A reader that gives its pieces one by one, never more than asked for."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]

    def read(self, size: int) -> bytes:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if len(piece) > size:
            self.pieces.insert(0, piece[size:])
        return piece[:size]


pieces = st.lists(st.sampled_from([b"a", b"\n", b"bc\nd", b"\n\n", b"xyz" * 5]), max_size=12)
calls = st.lists(
    st.tuples(
        st.sampled_from(["read", "readline", "next"]),
        st.one_of(st.none(), st.integers(-2, 12)),
    ),
    max_size=12,
)


@given(pieces, calls)
def test_reads_like_a_file(given_pieces: list[bytes], given_calls: list[tuple[str, Any]]) -> None:
    file = io.BytesIO(b"".join(given_pieces))
    stream = body.Body(Pieces(given_pieces))
    for name, size in given_calls:
        if name == "next":
            assert next(stream, b"") == next(file, b"")
        else:
            assert getattr(stream, name)(size) == getattr(file, name)(size)
    assert stream.readlines() == file.readlines()
    assert stream.read() == b""


@pytest.mark.parametrize("size", ["1", 1.5, b"1", object()])
@pytest.mark.parametrize("stream", [body.Body(Pieces([b"a"])), body.EMPTY], ids=["body", "empty"])
@pytest.mark.parametrize("name", ["read", "readline"])
def test_size_must_be_an_integer(stream: body.Body, name: str, size: Any) -> None:
    with pytest.raises(TypeError):
        getattr(stream, name)(size)


def test_size_zero_reads_nothing() -> None:
    stream = body.Body(Pieces([b"ab\n"]))
    assert (stream.read(0), stream.readline(0), stream.read()) == (b"", b"", b"ab\n")


def test_hint_is_ignored() -> None:
    assert body.Body(Pieces([b"a\nb\n"])).readlines(1) == [b"a\n", b"b\n"]


def test_empty_body_has_no_state() -> None:
    assert body.EMPTY.read() == body.EMPTY.read(5) == body.EMPTY.readline() == b""
    assert body.EMPTY.readlines() == list(body.EMPTY) == []
