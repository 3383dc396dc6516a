"""What an application reads from ``wsgi.input`` (PEP 3333, reference 4.4), on every listener.

The oracle is ``io.BytesIO``: whatever sequence of calls, the results are those of the same calls on
the same bytes in memory, however the body was framed and cut on its way.
"""

from __future__ import annotations

import hashlib
import io

import pytest

from tests.apps.reading import as_text, play
from tests.blackbox.case import DEFAULT, Profile, get, message
from tests.harness import Connection, Server
from tests.harness.fleet import Fleet

LINES = b"one\ntwo two\n\nfour" + b"x" * 100 + b"\nlast without end"
BODIES = {
    "none": b"",
    "one-byte": b"a",
    "newline": b"\n",
    "lines": LINES,
    "crlf": b"a\r\n\r\nb\r\n",
    "binary": bytes(range(256)) * 40,
    "long-line": b"y" * 30_000 + b"\nend",
}
CALLS = (
    "read:",
    "read:None",
    "read:-1",
    "read:0,read:",
    "read:1,read:1,read:",
    "read:5,readline:,read:3,readline:2,read:",
    "read:1000000,read:,read:1",
    "readline:,readline:,readline:,readline:,readline:,readline:,readline:",
    "readline:0,readline:1,readline:3,readline:100,readline:-1",
    "readlines:",
    "readline:,readlines:",
    "iter:",
    "read:2,iter:,read:",
    "next:,next:,read:4,next:",
)
#: sizes of the pieces a chunked body is cut into
CUTS = (1, 7, 100_000)


def sized(body: bytes, target: str) -> bytes:
    return message(f"POST {target} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", body=body)


def in_chunks(body: bytes, target: str, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    wire = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = message(f"POST {target} HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")
    return head + wire + b"0\r\n\r\n"


def framings(body: bytes, target: str) -> list[bytes]:
    cuts = [cut for cut in CUTS if len(body) // cut < 1000]
    return [sized(body, target), *[in_chunks(body, target, cut) for cut in cuts]]


@pytest.fixture
def connection(fleet: Fleet, listener: str):
    server = DEFAULT.serve(fleet, listener, "tests.apps.reading:application")
    with server.connect() as connected:
        yield connected


@pytest.mark.parametrize("calls", CALLS)
@pytest.mark.parametrize("body", BODIES)
def test_input_reads_like_a_file(connection: Connection, body: str, calls: str) -> None:
    expected = as_text(play(io.BytesIO(BODIES[body]), calls))
    for request in framings(BODIES[body], f"/?{calls}"):
        connection.send(request)
        assert connection.read_response().json() == expected


#: below, at and far beyond what any server keeps in memory
SIZES = (65_535, 65_536, 65_537, 1 << 20, (5 << 20) + 1)


@pytest.mark.parametrize("size", SIZES)
def test_large_body_arrives_whole(fleet: Fleet, listener: str, size: int) -> None:
    body = bytes(at % 251 for at in range(1000)) * (size // 1000 + 1)
    body = body[:size]
    server = DEFAULT.serve(fleet, listener, "tests.apps.reading:digest")
    expected = f"{size} {hashlib.sha256(body).hexdigest()}".encode()
    with server.connect() as connected:
        for request in (sized(body, "/"), in_chunks(body, "/", 50_000)):
            connected.send(request)
            assert connected.read_response().body == expected


def test_large_body_leaves_nothing_in_tmp_upload_dir() -> None:
    """Setting tmp_upload_dir; the proof is the harness's: no file may be left in the directory."""
    config = "tmp_upload_dir = 'uploads'\n"
    app = "tests.apps.reading:digest"
    with Server(app, "-c", "conf.py", files={"conf.py": config, "uploads/kept": ""}) as server:
        uploads = server.directory / "uploads"
        assert server.request(sized(b"a" * 3_000_000, "/")).body.startswith(b"3000000 ")
        assert [path.name for path in uploads.iterdir()] == ["kept"]


@pytest.mark.parametrize("size", [1, 100, 100_000])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_unread_body_is_no_next_request(
    fleet: Fleet, listener: str, size: int, is_chunked: bool
) -> None:
    """Reference 4.4: what the application did not read is skipped before the next request."""
    server = DEFAULT.serve(fleet, listener, "tests.apps.reading:ignore")
    body = b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n" * (size // 30 + 1)
    request = in_chunks(body, "/", 1000) if is_chunked else sized(body, "/")
    with server.connect() as connected:
        connected.send(request + get("Connection: close"))
        first = connected.read_response()
        assert first.body == b"ignored"
        if first.get("Connection") == "keep-alive":
            assert connected.read_response().body == b"ignored"
        assert connected.read_to_end() == b""


@pytest.mark.parametrize(
    "cut",
    [
        message("POST / HTTP/1.1", "Host: a", "Content-Length: 10", body=b"short"),
        in_chunks(b"hello", "/", 5)[:-12],
        in_chunks(b"hello", "/", 5)[:-9],
        in_chunks(b"hello", "/", 5)[:-7],
        in_chunks(b"hello", "/", 5)[:-5],
        in_chunks(b"hello", "/", 5)[:-2],
        in_chunks(b"hello", "/", 5)[:-1],
        message("POST / HTTP/1.1", "Host: a", "Content-Length: 10"),
        message("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"),
    ],
    ids=[
        "length",
        "in-size",
        "in-data",
        "before-data-end",
        "before-last",
        "in-last-end",
        "one-byte-missing",
        "no-byte-of-length",
        "no-byte-of-chunks",
    ],
)
def test_body_cut_by_the_end_is_never_served_as_whole(
    fleet: Fleet, listener: str, cut: bytes
) -> None:
    """RFC 9112 8, B#6: an incomplete request may be answered by an error or by nothing."""
    profile = Profile("digest", expect_errors=True)
    server = profile.serve(fleet, listener, "tests.apps.reading:digest")
    with server.connect() as connected:
        connected.send(cut)
        connected.end_sending()
        answer = connected.read_to_end()
    assert not answer or answer.startswith(b"HTTP/1.1 400 "), answer
    assert server.get().status == 200
