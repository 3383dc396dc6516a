"""The gthread worker: several requests at once, and a deadline for each."""

from __future__ import annotations

import os
import signal
import socket
import threading

import pytest

from gunicorn.workers.gthread import ThreadWorker
from tests.workers import test_sync
from tests.workers.running import Running, read_all, read_response
from tests.workers.test_sync import GET, hello


class Quick(ThreadWorker):
    """Looks at deadlines often, so that tests of them are quick."""

    LOOK_SECONDS = 0.02


class Stops:
    """An application whose requests for ``/wait`` stand still until they are let go.

    ``arrived()`` returns when one more stands; the file descriptors reach across the fork.
    """

    def __init__(self) -> None:
        self._news, self._tell = os.pipe()
        self._wait, self._release = os.pipe()

    def stand_still(self) -> None:
        os.write(self._tell, b"x")
        os.read(self._wait, 1)

    def arrived(self) -> None:
        assert os.read(self._news, 1) == b"x"

    def let_go(self, count: int = 1) -> None:
        os.write(self._release, b"x" * count)

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/wait":
            self.stand_still()
        body = str(os.getpid()).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        if environ["PATH_INFO"] == "/begun":
            return self.begun(body)
        return [body]

    def begun(self, body):
        yield body[:1]
        self.stand_still()
        yield body[1:]

    def close(self) -> None:
        for fd in (self._news, self._tell, self._wait, self._release):
            os.close(fd)


@pytest.fixture
def stops():
    application = Stops()
    yield application
    application.close()


def ask(server: Running, target: str) -> socket.socket:
    client = server.connect()
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return client


SAME = [
    test_sync.test_hello_end_to_end,
    test_sync.test_connection_is_kept_for_further_requests,
    test_sync.test_pipelined_requests_are_answered_in_order,
    test_sync.test_no_keepalive_without_the_setting,
    test_sync.test_half_open_heads_keep_nobody_waiting,
    test_sync.test_trickling_body_keeps_nobody_waiting,
    test_sync.test_max_requests_asks_for_a_successor_once_and_serves_until_term,
]


@pytest.mark.parametrize("case", SAME, ids=lambda case: case.__name__)
def test_as_with_sync(case, monkeypatch):
    monkeypatch.setattr(Running, "default", ThreadWorker)
    monkeypatch.setattr(test_sync, "SyncWorkerAlone", ThreadWorker)
    case()


# -- several at once -------------------------------------------------------------------------------


def test_requests_run_at_the_same_time_up_to_the_number_of_threads(stops):
    with Running(stops, worker=ThreadWorker, threads=2) as server:
        clients = [ask(server, "/wait") for _ in range(3)]
        stops.arrived()
        stops.arrived()
        # The third stands in line: what is let go now was one of the others.
        stops.let_go()
        stops.arrived()
        stops.let_go(2)
        for client in clients:
            assert read_response(client)[1] == str(server.pid).encode()


def test_line_is_served_in_order(stops):
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/wait":
            return stops(environ, start_response)
        seen.append(environ["PATH_INFO"])
        body = " ".join(seen).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    seen: list[str] = []
    with Running(application, worker=ThreadWorker, threads=1) as server:
        ask(server, "/wait")
        stops.arrived()
        clients = [ask(server, f"/{number}") for number in range(3)]
        stops.let_go()
        assert [read_response(client)[1] for client in clients] == [b"/0", b"/0 /1", b"/0 /1 /2"]


def test_clients_that_do_nothing_take_no_thread(stops):
    with Running(stops, worker=ThreadWorker, threads=1, keepalive=60) as server:
        idle = [ask(server, "/") for _ in range(10)]
        half = [server.connect() for _ in range(10)]
        for client in half:
            client.sendall(GET[:-2])
        for client in idle:
            read_response(client)
        assert server.get().endswith(str(server.pid).encode())
        for client in half:
            client.sendall(GET[-2:])
            read_response(client)


def test_application_is_told_of_threads():
    def application(environ, start_response):
        body = f"{environ['wsgi.multithread']} {threading.current_thread().name}".encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    with Running(application, worker=ThreadWorker, threads=2) as server:
        assert server.get().endswith(b"True gunicorn-pool")


def test_pipelined_request_waits_for_the_one_before(stops):
    with Running(stops, worker=ThreadWorker, threads=4) as server, server.connect() as client:
        client.sendall(GET.replace(b"/", b"/wait", 1) + GET)
        stops.arrived()
        stops.let_go()
        size = len(str(server.pid))
        assert read_all_of(client, 2, size).count(b"200 OK") == 2


def read_all_of(client: socket.socket, count: int, size: int) -> bytes:
    data = b""
    while data.count(b"\r\n\r\n") < count or len(data.rpartition(b"\r\n\r\n")[2]) < size:
        data += client.recv(65536)
    return data


def test_mistake_of_a_subclass_costs_one_connection():
    class Faulty(ThreadWorker):
        def handle(self, listener, client, addr):
            if client.request.path == "/fault":
                raise SystemExit(3)
            super().handle(listener, client, addr)

    with Running(hello, worker=Faulty, threads=1, expect_errors=True) as server:
        with pytest.raises(ConnectionResetError):
            ask(server, "/fault").recv(1)
        assert server.get().endswith(b"hello")
        assert "Error processing request." in server.log_text()


def test_full_worker_leaves_the_others_to_its_siblings(stops):
    with Running(stops, worker=ThreadWorker, count=2, threads=1, keepalive=60) as server:
        parked = [ask(server, "/") for _ in range(20)]
        for client in parked:
            read_response(client)
        ask(server, "/wait")
        stops.arrived()
        # Whoever held them: all are answered while one worker has no thread left.
        for client in parked:
            client.sendall(GET)
        assert len({read_response(client)[1] for client in parked}) == 1
        stops.let_go()


# -- the end ---------------------------------------------------------------------------------------


def test_term_lets_all_requests_finish(stops):
    with Running(stops, worker=ThreadWorker, threads=2) as server:
        clients = [ask(server, "/wait"), ask(server, "/begun")]
        stops.arrived()
        stops.arrived()
        server.signal(signal.SIGTERM)
        stops.let_go(2)
        for client in clients:
            assert read_all(client).endswith(str(server.pid).encode()[1:])
        assert server.wait() == 0


def test_quick_stop_does_not_wait(stops):
    with Running(stops, worker=ThreadWorker, threads=2) as server:
        ask(server, "/wait")
        stops.arrived()
        server.signal(signal.SIGQUIT)
        assert server.wait() == 0


# -- the deadline ----------------------------------------------------------------------------------


def test_late_request_is_answered_503_and_the_worker_is_replaced(stops):
    with Running(
        stops, worker=Quick, threads=2, timeout=1, expect_errors=True, accesslog="-"
    ) as server:
        late = ask(server, "/wait")
        stops.arrived()
        answer = read_all(late)
        head = answer.partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nRetry-After: 5\r\n" in head
        report = server.workers[0].tmp.read_report()
        assert report is not None and report.kind == "replace"
        log = server.log_text()
        assert "request /wait has run for" in log
        assert "in stand_still" in log
        # It takes nothing new, and is not held back by the thread that is stuck.
        waiting = ask(server, "/")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        waiting.close()


def test_others_of_a_late_request_finish(stops):
    with Running(stops, worker=Quick, threads=2, timeout=1, expect_errors=True) as server:
        other = ask(server, "/begun")
        stops.arrived()
        late = ask(server, "/wait")
        stops.arrived()
        assert b" 503 " in read_all(late)
        server.signal(signal.SIGTERM)
        stops.let_go(2)
        assert read_response(other)[1] == str(server.pid).encode()
        assert server.wait() == 0


def test_late_thread_that_comes_back_answers_nobody(stops):
    with Running(stops, worker=Quick, threads=1, timeout=1, expect_errors=True) as server:
        late = ask(server, "/wait")
        stops.arrived()
        assert read_all(late).count(b"HTTP/1.1") == 1
        stops.let_go()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert "Error processing request." not in server.log_text()


def test_answer_that_has_begun_may_finish_after_the_deadline(stops):
    with Running(stops, worker=Quick, threads=1, timeout=1, expect_errors=True) as server:
        client = ask(server, "/begun")
        stops.arrived()
        server.wait_for_log("request /begun has run for")
        stops.let_go()
        head, body = read_response(client)
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert body == str(server.pid).encode()
        assert server.workers[0].tmp.read_report().kind == "replace"


def test_condemned_worker_leaves_its_clients_to_a_sibling(stops):
    with Running(
        stops, worker=Quick, count=2, threads=2, timeout=1, keepalive=60, expect_errors=True
    ) as server:
        parked = [ask(server, "/") for _ in range(20)]
        for client in parked:
            read_response(client)
        late = ask(server, "/wait")
        stops.arrived()
        assert b"503" in read_all(late)
        for client in parked:
            client.sendall(GET)
        assert len({read_response(client)[1] for client in parked}) == 1
