"""Plays the rows about answers: WSGI in, bytes on the wire out, on every listener."""

from __future__ import annotations

import socket

import pytest

from tests.blackbox.case import Profile, message
from tests.blackbox.rows_responses import ROWS, Answer, End
from tests.blackbox.test_requests import DATE
from tests.harness import BrokenResponse, Connection, NoResponse, Response, Server
from tests.harness.fleet import Fleet

APP = "tests.apps.responses:application"
#: the applications here fail on purpose, so the log may say so
FAILING = Profile("failing", expect_errors=True)
NO_SENDFILE = Profile("no-sendfile", "sendfile = False", expect_errors=True)

ANSWERS = {
    f"{group}-{number}-{row.id}": row
    for group, rows in ROWS.items()
    for number, row in enumerate(rows)
}


@pytest.fixture
def server(fleet: Fleet, listener: str) -> Server:
    return FAILING.serve(fleet, listener, APP)


def ask(row: Answer) -> bytes:
    return message(f"{row.method} /{row.app} HTTP/{row.version}", "Host: a", row.field)


def count_closed(server: Server) -> int:
    """Ask how often close() was called since this was last asked; there is one worker."""
    count: int = server.get("/count-closed").json()
    return count


def check_head(row: Answer, response: Response) -> None:
    assert response.status == row.status, f"{row.clause}: {response}"
    for name, values in row.headers:
        assert response.get_all(name) == values, f"{row.clause}: {name}"
    assert response.get("X-Evil") is None, row.clause
    assert b"X-Evil" not in response.body
    date = response.get("Date")
    assert date is None or DATE.fullmatch(date)
    if row.framing and row.status != 500:
        assert response.framing in row.framing, row.clause
    if row.status != 500:
        assert response.get("Server") == "gunicorn"
        assert date is not None


def check_fate(row: Answer, connection: Connection, response: Response) -> None:
    announced = response.get("Connection")
    assert announced in ("keep-alive", "close")
    if row.fate is not None:
        assert announced == row.fate.value, row.clause
    if announced == "close":
        assert connection.read_to_end() == b"", f"{row.clause}: something followed"
    else:
        connection.send(message("GET /sized HTTP/1.1", "Host: a"))
        try:
            follow_up = connection.read_response()
        except NoResponse:
            assert row.fate is None, f"{row.clause}: closed"
        else:
            assert follow_up.body == b"hello", f"{row.clause}: out of step"


def play_broken(row: Answer, connection: Connection) -> None:
    with pytest.raises(BrokenResponse) as caught:
        connection.read_response(row.method)
    assert caught.value.partial == row.body, row.clause
    assert connection.read_to_end() == b"", f"{row.clause}: something followed"


def play(row: Answer, server: Server) -> None:
    count_closed(server)
    with server.connect() as connection:
        connection.send(ask(row))
        if isinstance(row.fate, End):
            play_broken(row, connection)
        else:
            response = connection.read_response(row.method)
            check_head(row, response)
            if row.body is not None:
                assert response.body == row.body, row.clause
            check_fate(row, connection, response)
    if row.closed is not None:
        assert count_closed(server) == row.closed, f"{row.clause}: close()"


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(server: Server, name: str) -> None:
    play(ANSWERS[name], server)


@pytest.mark.parametrize("name", [name for name in ANSWERS if name.startswith("files-")])
def test_files_without_sendfile(fleet: Fleet, name: str) -> None:
    """Setting sendfile switched off changes nothing that a client can see."""
    play(ANSWERS[name], NO_SENDFILE.serve(fleet, "tcp", APP))


@pytest.mark.parametrize("app", ["raises-late", "too-short"])
def test_broken_answer_to_old_client_is_no_clean_end(fleet: Fleet, app: str) -> None:
    """RFC 9112 8: without framing only a reset can tell a 1.0 client that the body is not whole."""
    server = FAILING.serve(fleet, "tcp", APP)
    with server.connect() as connection:
        connection.send(message(f"GET /{app} HTTP/1.0", "Host: a"))
        try:
            connection.read_response()
        except BrokenResponse:
            return
        assert connection.was_reset


def test_late_error_keeps_its_traceback_for_the_log(server: Server) -> None:
    with server.log_contains("RuntimeError: planned"), server.connect() as connection:
        connection.send(message("GET /raises-late HTTP/1.1", "Host: a"))
        play_broken(Answer("", "B#11", body=b"begun"), connection)


def test_error_page_does_not_tell_what_happened(server: Server) -> None:
    """Reference 4.13: the traceback is in the log, and on the page only with the debug setting."""
    with server.log_contains("RuntimeError: planned <script>"):
        response = server.get("/raises")
    assert response.status == 500
    assert b"planned" not in response.body


def test_error_page_with_debug_is_escaped(fleet: Fleet) -> None:
    """Reference 4.13 and B#7: the debug page shows the traceback, as text."""
    profile = Profile("debug", "debug = True", expect_errors=True)
    response = profile.serve(fleet, "tcp", APP).get("/raises")
    assert response.status == 500
    assert b"Traceback" in response.body
    assert b"planned &lt;script&gt;" in response.body
    assert b"<script>" not in response.body


def test_client_text_on_error_page_is_escaped(server: Server) -> None:
    response = server.request(message("GET /<script>alert(1)</script> FTP/1.1", "Host: a"))
    assert response.status == 400
    assert b"<script>" not in response.body


def test_errors_stream_is_the_log(server: Server) -> None:
    with server.log_contains("a word to wsgi.errors"):
        assert server.get("/complains").status == 200


def test_switching_protocols_is_not_framed(fleet: Fleet) -> None:
    """B#11: a 101 has no framing fields, and the bytes after its head are the application's."""
    server = FAILING.serve(fleet, "tcp", APP)
    with server.connect() as connection:
        fields = ("Connection: upgrade", "Upgrade: websocket")
        connection.send(message("GET /switching HTTP/1.1", "Host: a", *fields))
        head = connection.read_head()
        assert head.status == 101
        assert head.get("Connection") == "upgrade"
        assert head.get("Upgrade") == "websocket"
        assert head.get("Transfer-Encoding") is None
        assert head.get("Content-Length") is None
        assert connection.read_to_end() == b""


def test_closed_when_the_client_left(fleet: Fleet) -> None:
    """PEP 3333: close() is called although nobody reads; and a client that leaves is no error."""
    server = FAILING.serve(fleet, "tcp", APP)
    count_closed(server)
    start = server.log_position()
    connection = server.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.send(message("GET /closing HTTP/1.1", "Host: a"))
    connection.close()
    # the one worker serves in turn: when it answers this, it has finished with the other
    assert count_closed(server) <= 1
    assert "[ERROR]" not in server.log_text()[start:]
