"""Files as answers: by descriptor where that is the same bytes, by reading everywhere else.

Behaviour reference 4.12, B#26, B#27; PEP 3333, "Optional Platform-Specific File Handling".
"""

from __future__ import annotations

import gzip
import http.client
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gunicorn.http import wsgi
from tests.http.answering import FileSink, Sink, answer
from tests.http.test_wsgi import PLAIN, length

CONTENT = b"".join(b"%07d\n" % number for number in range(20_000))


def real_file(tmp_path: Path, offset: int = 0, **how: Any) -> Any:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    file = path.open("rb", **how)
    file.seek(offset)
    return file


def file_app(file: Any, *headers: tuple[str, str]) -> Callable[..., Any]:
    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [PLAIN, *headers])
        return environ["wsgi.file_wrapper"](file)

    return application


@pytest.mark.parametrize("how", [{}, {"buffering": 0}], ids=["buffered", "raw"])
@pytest.mark.parametrize("offset", [0, 100, len(CONTENT)])
@pytest.mark.parametrize("size", [None, 0, 1000])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("sink", ["sends files", "refuses", "cannot"])
def test_file_is_sent_from_its_position(
    tmp_path: Path, how: dict[str, int], offset: int, size: int | None, version: str, sink: str
) -> None:
    takes = {"sends files": FileSink(), "refuses": FileSink(refuses=True), "cannot": Sink()}[sink]
    file = real_file(tmp_path, offset, **how)
    headers = [] if size is None else [length(size)]
    found = answer(file_app(file, *headers), version=version, sink=takes)
    wanted = CONTENT[offset:][:size]
    if size is not None and len(wanted) < size:
        assert found.response.shortfall == size - len(wanted)
        assert found.response.must_close
    else:
        assert found.body == wanted
    assert found.response.sent == len(wanted)
    assert file.closed
    if isinstance(takes, FileSink) and not takes.refuses and wanted:
        assert takes.files == [(offset, len(wanted))]


def test_file_that_shrinks_breaks_the_answer(tmp_path: Path) -> None:
    for headers in ([], [length(len(CONTENT))]):
        found = answer(file_app(real_file(tmp_path), *headers), sink=FileSink(at_most=10))
        assert found.response.must_close
        assert found.response.shortfall == len(CONTENT) - 10
        assert not found.wire.endswith(b"\r\n")
        with pytest.raises(http.client.IncompleteRead):
            _ = found.body


def unbuffered_compression(tmp_path: Path) -> Any:
    path = tmp_path / "content.gz"
    path.write_bytes(gzip.compress(CONTENT))
    return gzip.open(path)


def temporary(tmp_path: Path) -> Any:
    file = tempfile.NamedTemporaryFile(dir=tmp_path)  # noqa: SIM115
    file.write(CONTENT)
    file.seek(0)
    return file


def lying(tmp_path: Path) -> Any:
    class Lying(io.BytesIO):
        def fileno(self) -> int:
            raise RuntimeError("planned")

    return Lying(CONTENT)


@pytest.mark.parametrize(
    ("make", "by_descriptor"),
    [
        (unbuffered_compression, False),
        (lambda tmp_path: io.BytesIO(CONTENT), False),
        (lying, False),
        (temporary, True),
    ],
    ids=["gzip", "BytesIO", "raising fileno", "NamedTemporaryFile"],
)
def test_only_plain_files_go_by_descriptor(tmp_path: Path, make: Any, by_descriptor: bool) -> None:
    sink = FileSink()
    found = answer(file_app(make(tmp_path), length(len(CONTENT))), sink=sink)
    assert found.body == CONTENT
    assert bool(sink.files) is by_descriptor


def test_head_reads_no_file(tmp_path: Path) -> None:
    file = real_file(tmp_path)
    found = answer(file_app(file, length(len(CONTENT))), method="HEAD", sink=FileSink())
    assert (found.rest, found.values("Content-Length")) == (b"", [str(len(CONTENT))])


def test_file_wrapper_is_iterable() -> None:
    class Closable(io.BytesIO):
        pass

    file = Closable(b"abcde")
    wrapper = wsgi.FileWrapper(file, 2)
    assert list(wrapper) == [b"ab", b"cd", b"e"]
    wrapper.close()
    assert file.closed
    indexed = wsgi.FileWrapper(io.BytesIO(b"abc"), 2)
    assert (indexed[0], indexed[0]) == (b"ab", b"c")
    with pytest.raises(IndexError):
        _ = indexed[0]

    class Bare:
        def read(self, size: int) -> bytes:
            return b""

    assert not hasattr(wsgi.FileWrapper(Bare()), "close")
