"""Every way an application can answer, right and wrong; ``/NAME`` calls the function of that name.

``/count-closed`` tells how often ``close()`` was called on the iterables made by ``Closing`` since
it was last asked, so that a test can see that it happened exactly once.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
from wsgiref.validate import validator

PLAIN = ("Content-Type", "text/plain")
APPS = {}
CLOSED = {"count": 0}


def app(function):
    APPS[function.__name__.replace("_", "-")] = function
    return function


def valid(function):
    """Register an application that keeps every rule, with the judge of that around it."""
    APPS[function.__name__.replace("_", "-")] = validator(function)
    return function


def application(environ, start_response):
    return APPS[environ["PATH_INFO"].rpartition("/")[2]](environ, start_response)


class Closing:
    """An iterable over ``items`` that counts its closing; an exception among them is raised."""

    def __init__(self, *items):
        self.items = iter(items)

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.items)
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self):
        CLOSED["count"] += 1


@app
def count_closed(environ, start_response):
    body = json.dumps(CLOSED["count"]).encode()
    CLOSED["count"] = 0
    start_response("200 OK", [PLAIN, ("Content-Length", str(len(body)))])
    return [body]


# -- in order --------------------------------------------------------------------------------------


@valid
def sized(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "5")])
    return [b"hello"]


@valid
def unsized(environ, start_response):
    start_response("200 OK", [PLAIN])
    return [b"hello"]


@valid
def empty(environ, start_response):
    start_response("200 OK", [PLAIN])
    return []


@valid
def empty_sized(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "0")])
    return []


@valid
def stream(environ, start_response):
    start_response("200 OK", [PLAIN])
    return iter([b"one ", b"two ", b"three"])


@valid
def stream_with_gaps(environ, start_response):
    start_response("200 OK", [PLAIN])
    return iter([b"", b"one ", b"", b"", b"two", b""])


@valid
def stream_sized(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "13")])
    return iter([b"one ", b"two ", b"three"])


@valid
def stream_of_many(environ, start_response):
    start_response("200 OK", [PLAIN])
    return (b"%05d" % at for at in range(2000))


@valid
def big(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", str(3 << 20))])
    return [b"x" * (3 << 20)]


@valid
def big_stream(environ, start_response):
    start_response("200 OK", [PLAIN])
    return (b"x" * 65536 for _ in range(48))


@valid
def generator(environ, start_response):
    start_response("200 OK", [PLAIN])
    yield b"hello"


@app
def starts_late(environ, start_response):
    """PEP 3333 lets start_response be called as late as the first step of the iteration."""
    start_response("200 OK", [PLAIN])
    yield b"hello"


@app
def starts_after_empty_item(environ, start_response):
    yield b""
    start_response("200 OK", [PLAIN])
    yield b"hello"


@app
def closing(environ, start_response):
    start_response("200 OK", [PLAIN])
    return Closing(b"hello ", b"world")


@valid
def writes(environ, start_response):
    write = start_response("200 OK", [PLAIN])
    write(b"hello ")
    write(b"dear ")
    return [b"world"]


@valid
def writes_sized(environ, start_response):
    write = start_response("200 OK", [PLAIN, ("Content-Length", "11")])
    write(b"hello ")
    return [b"world"]


@valid
def writes_only(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "5")])(b"hello")
    return []


@valid
def custom_reason(environ, start_response):
    start_response("299 Fine, thank you", [PLAIN, ("Content-Length", "2")])
    return [b"ok"]


@valid
def many_headers(environ, start_response):
    headers = [("Set-Cookie", "a=1"), ("x-LoWeR", "Kept As Is"), ("Set-Cookie", "b=2")]
    start_response("200 OK", [PLAIN, ("Content-Length", "2"), *headers])
    return [b"ok"]


@app
def latin_header(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "2"), ("X-A", "caf\xe9")])
    return [b"ok"]


@app
def hop_by_hop(environ, start_response):
    """Name every header that is the server's business."""
    names = (
        "Connection: close",
        "Keep-Alive: timeout=5",
        "Proxy-Authenticate: x",
        "TE: x",
        "Transfer-Encoding: chunked",
        "Upgrade: h2c",
        "Server: mine",
        "Date: never",
    )
    headers = [tuple(name.split(": ")) for name in names]
    start_response("200 OK", [PLAIN, ("Content-Length", "2"), *headers, ("X-A", "b")])
    return [b"ok"]


@valid
def no_content(environ, start_response):
    start_response("204 No Content", [])
    return []


@app
def no_content_with_body(environ, start_response):
    start_response("204 No Content", [PLAIN, ("Content-Length", "4")])
    return Closing(b"evil")


@valid
def not_modified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"a"')])
    return []


@app
def not_modified_with_body(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"a"'), ("Content-Length", "4")])
    return Closing(b"evil")


@app
def switching(environ, start_response):
    headers = [("Connection", "upgrade"), ("Upgrade", "websocket")]
    start_response("101 Switching Protocols", headers)
    return []


# -- exc_info --------------------------------------------------------------------------------------


@valid
def replaces(environ, start_response):
    """Change the mind before anything was sent."""
    start_response("200 OK", [PLAIN, ("Content-Length", "100"), ("X-Old", "1")])
    try:
        raise ValueError("planned")
    except ValueError:
        headers = [PLAIN, ("Content-Length", "5"), ("X-New", "1")]
        start_response("503 Later", headers, sys.exc_info())
    return [b"later"]


@app
def replaces_length_by_none(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "100")])
    try:
        raise ValueError("planned")
    except ValueError:
        start_response("503 Later", [PLAIN], sys.exc_info())
    return iter([b"la", b"ter"])


@app
def replaces_too_late(environ, start_response):
    start_response("200 OK", [PLAIN])(b"begun")
    try:
        raise ValueError("planned")
    except ValueError:
        start_response("503 Later", [PLAIN], sys.exc_info())
    return Closing(b"never seen")


# -- out of order: a clean 500 ---------------------------------------------------------------------


@app
def raises(environ, start_response):
    raise RuntimeError("planned <script>")


@app
def raises_after_start(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "5")])
    raise RuntimeError("planned")


@app
def raises_on_first_item(environ, start_response):
    start_response("200 OK", [PLAIN])
    return Closing(RuntimeError("planned"))


@app
def exits(environ, start_response):
    raise SystemExit(3)


@app
def raises_base(environ, start_response):
    raise BaseException("planned")


@app
def starts_twice(environ, start_response):
    start_response("200 OK", [PLAIN])
    start_response("200 OK", [PLAIN])
    return [b"hello"]


@app
def never_starts(environ, start_response):
    return [b"hello"]


@app
def never_starts_and_is_empty(environ, start_response):
    return []


@app
def returns_none(environ, start_response):
    start_response("200 OK", [PLAIN])


@app
def returns_number(environ, start_response):
    start_response("200 OK", [PLAIN])
    return 5


@app
def returns_text(environ, start_response):
    start_response("200 OK", [PLAIN])
    return ["hello"]


@app
def writes_text(environ, start_response):
    start_response("200 OK", [PLAIN])("hello")
    return []


def sends(status="200 OK", *headers):
    def wrong(environ, start_response):
        start_response(status, [PLAIN, ("Content-Length", "2"), *headers])
        return [b"ok"]

    return wrong


APPS |= {
    "value-crlf": sends("200 OK", ("X-A", "b\r\nX-Evil: 1")),
    "value-lf": sends("200 OK", ("X-A", "b\nX-Evil: 1")),
    "value-cr": sends("200 OK", ("X-A", "b\rX-Evil: 1")),
    "value-nul": sends("200 OK", ("X-A", "b\0c")),
    "value-folded": sends("200 OK", ("X-A", "b\r\n c")),
    "value-not-latin": sends("200 OK", ("X-A", "\u20ac")),
    "name-crlf": sends("200 OK", ("X-A: b\r\nX-Evil", "1")),
    "name-colon": sends("200 OK", ("X-A:", "b")),
    "name-blank": sends("200 OK", ("X A", "b")),
    "name-empty": sends("200 OK", ("", "b")),
    "name-not-latin": sends("200 OK", ("X-\u20ac", "b")),
    "name-bytes": sends("200 OK", (b"X-A", "b")),
    "status-crlf": sends("200 OK\r\nX-Evil: 1"),
    "status-lf": sends("200 OK\nX-Evil: 1"),
    "status-nul": sends("200 O\0K"),
    "status-number": sends(200),
    "status-bytes": sends(b"200 OK"),
    "length-not-a-number": sends("200 OK", ("Content-Length", "two")),
    "length-negative": sends("200 OK", ("Content-Length", "-2")),
}


# -- out of order: too late for a page, the connection breaks --------------------------------------


@app
def raises_late(environ, start_response):
    start_response("200 OK", [PLAIN])
    return Closing(b"begun", RuntimeError("planned"))


@app
def raises_late_sized(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "100")])
    return Closing(b"begun", RuntimeError("planned"))


@app
def text_late(environ, start_response):
    start_response("200 OK", [PLAIN])
    return Closing(b"begun", "text")


@app
def too_short(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "10")])
    return Closing(b"hello")


@app
def too_long(environ, start_response):
    start_response("200 OK", [PLAIN, ("Content-Length", "5")])
    return Closing(b"hel", b"lo world", b"!")


@app
def writes_too_long(environ, start_response):
    write = start_response("200 OK", [PLAIN, ("Content-Length", "5")])
    write(b"hello world")
    return [b"!"]


@app
def raises_in_close(environ, start_response):
    class Bad(Closing):
        def close(self):
            super().close()
            raise RuntimeError("planned")

    start_response("200 OK", [PLAIN, ("Content-Length", "5")])
    return Bad(b"hello")


# -- files -----------------------------------------------------------------------------------------
# without the validator: it would hide the wrapper from the server, and with it the way of sendfile

CONTENT = b"".join(b"%07d\n" % at for at in range(100_000))


def make_file(offset=0):
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    file.write(CONTENT)
    file.seek(offset)
    return file


def served(file, environ, start_response, length=None, block=8192):
    headers = [PLAIN] if length is None else [PLAIN, ("Content-Length", str(length))]
    start_response("200 OK", headers)
    return environ["wsgi.file_wrapper"](file, block)


@app
def file(environ, start_response):
    return served(make_file(), environ, start_response, len(CONTENT))


@app
def file_unsized(environ, start_response):
    return served(make_file(), environ, start_response)


@app
def file_from_offset(environ, start_response):
    return served(make_file(100), environ, start_response, len(CONTENT) - 100)


@app
def file_cut_by_length(environ, start_response):
    return served(make_file(), environ, start_response, 1000)


@app
def file_shorter_than_length(environ, start_response):
    return served(make_file(len(CONTENT) - 10), environ, start_response, 20)


@app
def file_of_no_length(environ, start_response):
    return served(make_file(), environ, start_response, 0)


@app
def file_in_memory(environ, start_response):
    return served(io.BytesIO(CONTENT), environ, start_response, len(CONTENT))


@app
def file_at_its_end(environ, start_response):
    return served(make_file(len(CONTENT)), environ, start_response)


@app
def file_without_fileno(environ, start_response):
    class Bare:
        def __init__(self):
            self.read = io.BytesIO(CONTENT).read

    return served(Bare(), environ, start_response, len(CONTENT))


@app
def pipe_as_file(environ, start_response):
    """A descriptor that is no regular file: sendfile cannot take it and tell() fails."""
    reader, writer = os.pipe()
    os.write(writer, b"hello")
    os.close(writer)
    return served(os.fdopen(reader, "rb"), environ, start_response, 5)


@app
def file_closes(environ, start_response):
    class Counted(io.BytesIO):
        def close(self):
            CLOSED["count"] += 1
            super().close()

    return served(Counted(b"hello"), environ, start_response, 5)


@app
def complains(environ, start_response):
    environ["wsgi.errors"].write("a word to wsgi.errors\n")
    environ["wsgi.errors"].flush()
    return sized(environ, start_response)
