"""What happens on and between connections: pipelines, 100 Continue, slow peers, ends."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest

from tests.blackbox.case import DEFAULT, Profile, get, message, post
from tests.harness import BrokenResponse, Connection, Server, processes
from tests.harness.fleet import Fleet

RESET = struct.pack("ii", 1, 0)
RESPONSES = "tests.apps.responses:application"
BRIEF = Profile("brief", "keepalive = 1")


@pytest.fixture
def echo(fleet: Fleet, listener: str) -> Server:
    return DEFAULT.serve(fleet, listener, "tests.apps.basic:echo")


@pytest.fixture
def answering(fleet: Fleet, listener: str) -> Server:
    return Profile("failing", expect_errors=True).serve(fleet, listener, RESPONSES)


def numbered(at: int) -> bytes:
    return get(target=f"/{at}")


# -- pipelines (RFC 9112 9.3.2) --------------------------------------------------------------------


def test_pipelined_requests_are_answered_in_order(echo: Server) -> None:
    with echo.connect() as connection:
        connection.send(b"".join(numbered(at) for at in range(100)))
        for at in range(100):
            assert connection.read_response().json()["RAW_URI"] == f"/{at}"


def test_pipelined_bodies_do_not_run_into_each_other(echo: Server) -> None:
    chunked = message("POST /c HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")
    requests = [
        (post(b"one", "Content-Length: 3"), "one"),
        (chunked + b"3\r\ntwo\r\n0\r\n\r\n", "two"),
        (get(), ""),
        (chunked + b"0\r\nX: y\r\n\r\n", ""),
        (post(b"GET", "Content-Length: 3"), "GET"),
        (chunked + b"1\r\na\r\n1\r\nb\r\n00\r\n\r\n", "ab"),
        (get("Content-Length: 0"), ""),
    ]
    data = b"".join(request for request, _ in requests)
    with echo.connect() as connection:
        for cut in range(0, len(data), 11):
            connection.send(data[:cut])
            connection.send(data[cut:])
            for _, body in requests:
                assert connection.read_response().json()["body"] == body


def test_pipelined_head_has_no_body_between(answering: Server) -> None:
    with answering.connect() as connection:
        connection.send(message("HEAD /sized HTTP/1.1", "Host: a") + get(target="/stream"))
        assert connection.read_response("HEAD").get("Content-Length") == "5"
        assert connection.read_response().body == b"one two three"


def test_pipeline_ends_with_close(echo: Server) -> None:
    with echo.connect() as connection:
        connection.send(numbered(1) + get("Connection: close") + numbered(3))
        assert connection.read_response().json()["RAW_URI"] == "/1"
        assert connection.read_response().get("Connection") == "close"
        assert connection.read_to_end() == b""


def test_pipeline_ends_with_what_is_refused(echo: Server) -> None:
    with echo.connect() as connection:
        connection.send(numbered(1) + b"rubbish\r\n\r\n" + numbered(3))
        assert connection.read_response().status == 200
        assert connection.read_response().status == 400
        assert connection.read_to_end() == b""


def test_empty_line_between_requests(echo: Server) -> None:
    """RFC 9112 2.2: an old client sends one after the body of a POST."""
    with echo.connect() as connection:
        connection.send(post(b"one", "Content-Length: 3") + b"\r\n" + numbered(2))
        assert connection.read_response().json()["body"] == "one"
        assert connection.read_response().json()["RAW_URI"] == "/2"


def test_same_fields_on_one_connection_are_judged_each_time(echo: Server) -> None:
    """What was learnt from one field block must not outlive a different one."""
    with echo.connect() as connection:
        for field, status in (("X-A: 1", 200), ("X-A: 2", 200), ("X-A: 1", 200), ("X A: 1", 400)):
            connection.send(get(field))
            response = connection.read_response()
            assert response.status == status
            if status == 200:
                assert response.json()["HTTP_X_A"] == field[-1]


def test_same_fields_with_other_method_or_version_are_judged_anew(echo: Server) -> None:
    fields = ("Host: a", "Content-Length: 2")
    with echo.connect() as connection:
        for line, body in (("POST / HTTP/1.1", b"ab"), ("PUT /x HTTP/1.1", b"cd")):
            connection.send(message(line, *fields, body=body))
            assert connection.read_response().json()["body"] == body.decode()
        connection.send(message("POST / HTTP/1.0", *fields, body=b"ef"))
        assert connection.read_response().get("Connection") == "close"
        assert connection.read_to_end() == b""


# -- Expect (RFC 9110 10.1.1) ----------------------------------------------------------------------


def test_continue_is_sent_before_the_body(echo: Server) -> None:
    with echo.connect() as connection:
        for _ in range(2):
            connection.send(post(b"", "Content-Length: 5", "Expect: 100-continue"))
            interim = connection.read_head()
            assert (interim.status, interim.fields) == (100, [])
            connection.send(b"hello")
            response = connection.read_response()
            assert (response.status, response.interim) == (200, [])
            assert response.json()["body"] == "hello"


def test_continue_for_chunks(echo: Server) -> None:
    with echo.connect() as connection:
        connection.send(post(b"", "Transfer-Encoding: chunked", "Expect: 100-continue"))
        assert connection.read_head().status == 100
        connection.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert connection.read_response().json()["body"] == "hello"


def test_continue_waits_for_the_response_before(echo: Server) -> None:
    with echo.connect() as connection:
        connection.send(numbered(1) + post(b"", "Content-Length: 1", "Expect: 100-continue"))
        assert connection.read_response().json()["RAW_URI"] == "/1"
        assert connection.read_head().status == 100
        connection.send(b"x")
        assert connection.read_response().json()["body"] == "x"


def test_no_continue_to_old_client(echo: Server) -> None:
    head = message("POST / HTTP/1.0", "Content-Length: 1", "Expect: 100-continue")
    with echo.connect() as connection:
        connection.send(head)
        connection.send(b"x")
        response = connection.read_response()
        assert (response.status, response.interim) == (200, [])


def test_refused_head_gets_no_continue(echo: Server) -> None:
    with echo.connect() as connection:
        fields = ("Content-Length: 5", "Content-Length: 6", "Expect: 100-continue")
        connection.send(post(b"", *fields))
        response = connection.read_response()
        assert (response.status, response.interim) == (400, [])
        assert connection.read_to_end() == b""


# -- ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 10, 20])
def test_end_within_the_head_is_no_request(echo: Server, size: int) -> None:
    """Reference x1: nothing is served; silence and 400 are both in order."""
    with echo.connect() as connection:
        connection.send(get("X-A: b")[:size])
        connection.end_sending()
        answer = connection.read_to_end()
    assert not answer or answer.startswith(b"HTTP/1.1 400 ")
    assert echo.get().status == 200


def test_half_closed_client_still_gets_its_response(fleet: Fleet) -> None:
    """RFC 9112 9.6: a client may close its sending side and wait."""
    for bind in ("tcp", "unix"):
        server = DEFAULT.serve(fleet, bind, "tests.apps.basic:echo")
        with server.connect() as connection:
            connection.send(numbered(1) + numbered(2))
            connection.end_sending()
            assert connection.read_response().json()["RAW_URI"] == "/1"
            assert connection.read_response().json()["RAW_URI"] == "/2"
            assert connection.read_to_end() == b""


def test_refusal_reaches_a_client_that_is_still_sending(echo: Server) -> None:
    """RFC 9112 9.6: closing at once would reset the connection and may lose the response."""
    with echo.connect() as connection:
        connection.sock.settimeout(30)
        connection.send(message("POST / HTTP/1.1", "Host: a", "Content-Length: x"))
        connection.send(b"y" * 300_000)
        assert connection.read_response().status == 400
        connection.end_sending()
        assert connection.read_to_end() == b""


def test_idle_connection_is_closed_in_silence(fleet: Fleet, listener: str) -> None:
    """Setting keepalive: after its seconds the connection ends, without a response to nothing."""
    server = BRIEF.serve(fleet, listener, "tests.apps.basic:echo")
    with server.connect() as connection:
        connection.send(numbered(1))
        assert connection.read_response().status == 200
        assert connection.read_to_end() == b""
        assert not connection.was_reset


def test_reset_by_the_client_is_no_error(answering: Server) -> None:
    start = answering.log_position()
    for data in (b"", b"GET", *[get(target=f"/{app}") for app in ("sized", "big", "big-stream")]):
        connection = answering.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.send(data)
        connection.close()
    assert answering.get("/sized").status == 200
    assert "Traceback" not in answering.log_text()[start:]


def test_leaving_within_the_response_is_no_error(answering: Server) -> None:
    start = answering.log_position()
    for target in ("/big", "/big-stream", "/file"):
        with answering.connect() as connection:
            connection.send(get(target=target))
            connection.read_exactly(1000)
    assert answering.get("/sized").status == 200
    assert "Traceback" not in answering.log_text()[start:]


# -- slow clients: one worker, nobody waits --------------------------------------------------------


def is_served(server: Server, target: str = "/") -> bool:
    return server.get(target).status == 200


@pytest.mark.parametrize(
    ("request_", "cut"),
    [
        (get(), 0),
        (get(), 1),
        (get(), -1),
        (get(), -3),
        (post(b"1234567890", "Content-Length: 10"), -7),
    ],
    ids=["nothing", "one-byte", "head-but-one", "one-line", "part-of-body"],
)
def test_half_sent_requests_hold_nobody(echo: Server, request_: bytes, cut: int) -> None:
    """Design, section 2: the sync worker serves one request at a time, never one client."""
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(echo.connect()) for _ in range(20)]
        for connection in slow:
            connection.send(request_[:cut])
        assert is_served(echo)
        for connection in slow:
            connection.send(request_[cut:])
            assert connection.read_response().status == 200


def test_peers_that_never_read_hold_nobody(answering: Server) -> None:
    with contextlib.ExitStack() as stack:
        slow: list[Connection] = []
        for target in ("/big", "/big-stream", "/file", "/big"):
            connection = stack.enter_context(answering.connect())
            connection.send(get(target=target))
            slow.append(connection)
        assert is_served(answering, "/sized")
        for connection in slow:
            body = connection.read_response().body
            assert len(body) in (3 << 20, 800_000)


def test_pipeline_of_large_answers_is_not_kept_in_memory(answering: Server) -> None:
    """What a peer does not read waits with the peer: the next request is not begun before."""
    count = 20
    (worker,) = answering.worker_pids()
    with answering.connect() as connection:
        connection.send(get(target="/big") * count)
        assert is_served(answering, "/sized")
        assert processes.resident_bytes(worker) < 100 << 20
        for _ in range(count):
            assert len(connection.read_response().body) == 3 << 20


def test_idle_connections_make_room_at_the_cap(fleet: Fleet) -> None:
    """Setting worker_connections: who only waits for another request gives way to who has one."""
    profile = Profile("capped", "worker_connections = 5")
    server = profile.serve(fleet, "tcp", "tests.apps.basic:echo")
    with contextlib.ExitStack() as stack:
        for at in range(20):
            connection = stack.enter_context(server.connect())
            connection.send(numbered(at))
            assert connection.read_response().json()["RAW_URI"] == f"/{at}"


def test_at_the_cap_the_next_client_waits_its_turn(fleet: Fleet) -> None:
    """Setting worker_connections: nobody is refused; a place that is given up is taken."""
    profile = Profile("capped", "worker_connections = 5")
    server = profile.serve(fleet, "tcp", "tests.apps.basic:echo")
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(server.connect()) for _ in range(5)]
        for connection in held:
            connection.send(get()[:10])
        waiting = stack.enter_context(server.connect())
        waiting.send(numbered(6))
        for connection in held:
            connection.close()
        assert waiting.read_response().json()["RAW_URI"] == "/6"


def test_handshake_that_never_comes_holds_nobody(fleet: Fleet) -> None:
    server = DEFAULT.serve(fleet, "tls", "tests.apps.basic:echo")
    with contextlib.ExitStack() as stack:
        for beginning in (b"", b"\x16", b"\x16\x03\x01\x02\x00"):
            raw = stack.enter_context(server.connect_raw())
            raw.sendall(beginning)
        assert is_served(server)


def test_plain_http_on_a_tls_port_is_shown_out(fleet: Fleet) -> None:
    server = DEFAULT.serve(fleet, "tls", "tests.apps.basic:echo")
    start = server.log_position()
    with Connection(server.connect_raw()) as connection:
        connection.send(get())
        assert b"200 OK" not in connection.read_to_end()
    assert is_served(server)
    assert "Traceback" not in server.log_text()[start:]


def test_tls_ends_with_close_notify(fleet: Fleet) -> None:
    """RFC 9112 9.8: without it a client cannot tell the end from an attack."""
    server = DEFAULT.serve(fleet, "tls", "tests.apps.basic:echo")
    with server.connect() as connection:
        connection.sock.suppress_ragged_eofs = False  # type: ignore[attr-defined]
        connection.send(message("GET / HTTP/1.0"))
        assert connection.read_response().status == 200
        assert connection.sock.recv(1) == b""


def test_deadline_of_a_broken_answer_is_not_silence(answering: Server) -> None:
    """B#11: what cannot be completed is cut at once; the client does not wait for a timeout."""
    with answering.connect() as connection:
        connection.sock.settimeout(10)
        connection.send(get(target="/too-short"))
        with pytest.raises(BrokenResponse) as caught:
            connection.read_response()
        assert "silent" not in str(caught.value)
