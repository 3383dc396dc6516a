"""Rows about answers: what an application does, and what must be on the wire."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from tests.apps.responses import CONTENT
from tests.blackbox.case import Fate


class End(enum.Enum):
    """How an answer ends that is not followed by another."""

    BROKEN = "cut short, so that the client sees it is not whole"


@dataclass(frozen=True, slots=True)
class Answer:
    """One row: ``/app`` of ``tests.apps.responses`` is called with ``method`` in ``version``."""

    app: str
    clause: str
    status: int = 200
    body: bytes | None = None
    framing: tuple[str, ...] = ()
    #: None: kept or closed, but as announced
    fate: Fate | End | None = Fate.KEEP
    method: str = "GET"
    version: str = "1.1"
    #: header -> all its values
    headers: tuple[tuple[str, list[str]], ...] = ()
    #: header of the request
    field: str = "X-Nothing: 1"
    #: how often close() of the iterable must have been called; None when there is none
    closed: int | None = None

    @property
    def id(self) -> str:
        return f"{self.method}-{self.version}-{self.app}"


def ok(app: str, clause: str, body: bytes, *framing: str, **more: object) -> Answer:
    return Answer(app, clause, 200, body, framing, **more)  # type: ignore[arg-type]


def page(app: str, clause: str, **more: object) -> Answer:
    """Build a row whose answer is our error page, after which the connection closes."""
    return Answer(app, clause, 500, None, ("length",), Fate.CLOSE, **more)  # type: ignore[arg-type]


def broken(app: str, clause: str, body: bytes, **more: object) -> Answer:
    return Answer(app, clause, 200, body, fate=End.BROKEN, **more)  # type: ignore[arg-type]


NUMBERS = b"".join(b"%05d" % at for at in range(2000))

BODIES = [
    ok("sized", "RFC 9112 6.2", b"hello", "length", headers=(("Content-Length", ["5"]),)),
    ok("unsized", "PEP 3333, Content-Length", b"hello", "chunked", "length"),
    ok("empty", "PEP 3333", b"", "chunked", "length"),
    ok("empty-sized", "RFC 9112 6.2", b"", "length"),
    ok("stream", "RFC 9112 7.1", b"one two three", "chunked"),
    ok("stream-with-gaps", "RFC 9112 7.1: no early last chunk", b"one two", "chunked"),
    ok("stream-sized", "RFC 9112 6.2", b"one two three", "length"),
    ok("stream-of-many", "RFC 9112 7.1", NUMBERS, "chunked"),
    ok("big", "RFC 9112 6.2", b"x" * (3 << 20), "length"),
    ok("big-stream", "RFC 9112 7.1", b"x" * (3 << 20), "chunked"),
    ok("generator", "PEP 3333", b"hello", "chunked", "length"),
    ok("starts-late", "PEP 3333", b"hello", "chunked", "length"),
    ok("starts-after-empty-item", "PEP 3333", b"hello", "chunked", "length"),
    ok("closing", "PEP 3333, close()", b"hello world", "chunked", closed=1),
    ok("writes", "PEP 3333, write()", b"hello dear world", "chunked"),
    ok("writes-sized", "PEP 3333, write()", b"hello world", "length"),
    ok("writes-only", "PEP 3333, write()", b"hello", "length"),
    ok("too-long", "PEP 3333, reference 4.11", b"hello", "length", fate=None, closed=1),
    ok("writes-too-long", "PEP 3333, reference 4.11", b"hello", "length", fate=None),
    ok("raises-in-close", "PEP 3333, close()", b"hello", "length", fate=None, closed=1),
    Answer("custom-reason", "RFC 9112 4", 299, b"ok", ("length",)),
]

OLD_VERSION = [
    ok("sized", "RFC 9112 9.3", b"hello", "length", version="1.0", fate=Fate.CLOSE),
    ok("sized", "RFC 9112 9.3", b"hello", "length", version="1.0", field="Connection: keep-alive"),
    ok(
        "stream",
        "RFC 9112 6.3: no chunks to 1.0",
        b"one two three",
        "close",
        version="1.0",
        fate=Fate.CLOSE,
    ),
    ok(
        "stream",
        "RFC 9112 6.3: the end of the connection is the end of the body",
        b"one two three",
        "close",
        version="1.0",
        field="Connection: Keep-Alive",
        fate=Fate.CLOSE,
    ),
    ok("stream-of-many", "RFC 9112 6.3", NUMBERS, "close", version="1.0", fate=Fate.CLOSE),
    ok("writes", "PEP 3333", b"hello dear world", "close", version="1.0", fate=Fate.CLOSE),
    Answer("no-content", "B#22", 204, b"", version="1.0", field="Connection: keep-alive"),
    page("raises", "reference 4.13", version="1.0"),
]

NO_BODY = [
    ok("sized", "RFC 9110 9.3.2, B#8", b"", method="HEAD", headers=(("Content-Length", ["5"]),)),
    ok("unsized", "RFC 9110 9.3.2, B#8", b"", method="HEAD"),
    ok("stream", "RFC 9110 9.3.2, B#8", b"", method="HEAD"),
    ok("closing", "RFC 9110 9.3.2, PEP 3333", b"", method="HEAD", closed=1),
    ok("writes", "RFC 9110 9.3.2, B#8", b"", method="HEAD"),
    ok("big", "RFC 9110 9.3.2", b"", method="HEAD", headers=(("Content-Length", ["3145728"]),)),
    ok("empty", "RFC 9110 9.3.2", b"", method="HEAD"),
    ok("file", "RFC 9110 9.3.2, B#8", b"", method="HEAD"),
    ok("stream", "RFC 9110 9.3.2", b"", method="HEAD", version="1.0", fate=None),
    page("raises", "RFC 9110 9.3.2: an error page is no exception", method="HEAD"),
    Answer("no-content", "RFC 9110 15.3.5, B#22", 204, b""),
    Answer("no-content-with-body", "RFC 9110 15.3.5, B#8", 204, b"", fate=None, closed=1),
    Answer("not-modified", "RFC 9110 15.4.5, B#22", 304, b"", headers=(("ETag", ['"a"']),)),
    Answer(
        "not-modified-with-body",
        "RFC 9110 8.6: Content-Length stays on 304, B#8",
        304,
        b"",
        fate=None,
        headers=(("Content-Length", ["4"]),),
        closed=1,
    ),
]

HEADERS = [
    Answer(
        "many-headers",
        "PEP 3333: order, case and repeats stay",
        body=b"ok",
        headers=(("Set-Cookie", ["a=1", "b=2"]), ("X-Lower", ["Kept As Is"])),
    ),
    Answer("latin-header", "PEP 3333: latin-1", body=b"ok", headers=(("X-A", ["caf\xe9"]),)),
    Answer(
        "hop-by-hop",
        "PEP 3333, RFC 9110 7.6.1, reference 4.10",
        body=b"ok",
        framing=("length",),
        headers=(
            ("Connection", ["keep-alive"]),
            ("Keep-Alive", []),
            ("Proxy-Authenticate", []),
            ("TE", []),
            ("Transfer-Encoding", []),
            ("Upgrade", []),
            ("Server", ["gunicorn"]),
            ("X-A", ["b"]),
        ),
    ),
]

EXC_INFO = [
    Answer(
        "replaces",
        "PEP 3333, exc_info, B#10",
        503,
        b"later",
        ("length",),
        headers=(("X-Old", []), ("X-New", ["1"]), ("Content-Length", ["5"])),
    ),
    Answer("replaces-length-by-none", "B#10", 503, b"later", ("chunked",)),
    broken("replaces-too-late", "PEP 3333, exc_info", b"begun"),
]

ERRORS = [
    *[
        page(app, "reference 4.11, 4.13")
        for app in ("raises", "raises-after-start", "raises-on-first-item")
    ],
    page("exits", "B#38: answered, the worker lives"),
    page("raises-base", "B#38"),
    page("starts-twice", "PEP 3333, reference 4.10"),
    page("never-starts", "PEP 3333, reference 4.10"),
    page("never-starts-and-is-empty", "PEP 3333, reference 4.10"),
    page("returns-none", "PEP 3333"),
    page("returns-number", "PEP 3333"),
    page("returns-text", "PEP 3333: bytes, reference 4.11"),
    page("writes-text", "PEP 3333: bytes, reference 4.11"),
    *[
        page(app, "RFC 9110 5.5, B#7: no splitting")
        for app in (
            "value-crlf",
            "value-lf",
            "value-cr",
            "value-nul",
            "value-folded",
            "value-not-latin",
            "name-crlf",
            "name-colon",
            "name-blank",
            "name-empty",
            "name-not-latin",
            "name-bytes",
            "status-crlf",
            "status-lf",
            "status-nul",
            "status-number",
            "status-bytes",
            "length-not-a-number",
            "length-negative",
        )
    ],
    broken("raises-late", "RFC 9112 8, B#11: no second response", b"begun", closed=1),
    broken("raises-late-sized", "RFC 9112 8, B#11", b"begun", closed=1),
    broken("text-late", "PEP 3333, B#11", b"begun", closed=1),
    broken("too-short", "RFC 9112 8, reference 4.11", b"hello", closed=1),
    broken("file-shorter-than-length", "RFC 9112 8", CONTENT[-10:]),
]

FILES = [
    ok("file", "reference 4.12", CONTENT, "length"),
    ok("file-unsized", "reference 4.12", CONTENT, "chunked", "length"),
    ok(
        "file-unsized", "reference 4.12", CONTENT, "close", "length", version="1.0", fate=Fate.CLOSE
    ),
    ok("file-from-offset", "reference 4.12", CONTENT[100:], "length"),
    ok("file-cut-by-length", "reference 4.12", CONTENT[:1000], "length", fate=None),
    ok("file-of-no-length", "B#26", b"", "length", fate=None),
    ok("file-in-memory", "PEP 3333, B#26", CONTENT, "length"),
    ok("file-at-its-end", "reference 4.12", b"", "chunked", "length"),
    ok("file-without-fileno", "PEP 3333", CONTENT, "length"),
    ok("pipe-as-file", "PEP 3333", b"hello", "length"),
    ok("file-closes", "PEP 3333, close()", b"hello", "length", closed=1),
]

ROWS = {
    "bodies": BODIES,
    "1.0": OLD_VERSION,
    "no-body": NO_BODY,
    "headers": HEADERS,
    "exc-info": EXC_INFO,
    "errors": ERRORS,
    "files": FILES,
}
