"""One request from hooks to access line, over a real worker."""

from __future__ import annotations

import os
import tempfile

import pytest

from gunicorn.workers.sync import SyncWorker
from tests.workers.running import Running, read_all, read_response
from tests.workers.test_sync import GET, SMALL, hello


class Closing:
    """An iterable that counts its ``close`` in a file."""

    def __init__(self, path, blocks):
        self.path = path
        self.blocks = blocks

    def __iter__(self):
        for block in self.blocks:
            if isinstance(block, BaseException):
                raise block
            yield block

    def close(self):
        with self.path.open("a") as file:
            file.write("closed\n")


# -- errors of the application ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [ValueError("secret"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr
)
def test_whatever_the_application_raises_is_answered_500(error):
    def raising(environ, start_response):
        if environ["PATH_INFO"] == "/fine":
            return hello(environ, start_response)
        raise error

    with Running(raising, expect_errors=True) as server:
        answer = server.get("/wrong")
        assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert b"secret" not in answer
        # The worker lives on, and said what happened.
        assert server.get("/fine").endswith(b"hello")
        log = server.log_text()
    assert "[ERROR] Error handling request /wrong" in log
    assert f"{type(error).__name__}" in log
    assert "Traceback" in log


def test_debug_shows_the_traceback():
    def raising(environ, start_response):
        raise ValueError("<shown>")

    with Running(raising, expect_errors=True, debug=True) as server:
        assert b"ValueError: &lt;shown&gt;" in server.get()


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_error_after_the_headers_breaks_the_connection(version, tmp_path):
    closed = tmp_path / "closed"

    def late(environ, start_response):
        start_response("200 OK", [])
        return Closing(closed, [b"first", ValueError("late")])

    with Running(late, expect_errors=True) as server, server.connect() as client:
        client.sendall(GET.replace(b"1.1", version))
        if version == b"1.0":
            # Its end is the end of the connection: only a reset tells that it is not the end.
            with pytest.raises(ConnectionResetError):
                read_all(client)
        else:
            answer = read_all(client)
            assert answer.count(b"HTTP/1.1") == 1
            assert answer.endswith(b"5\r\nfirst\r\n")
        server.wait_for_log("ValueError: late")
    assert closed.read_text() == "closed\n"


def test_answer_shorter_than_promised_ends_the_connection():
    def short(environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        return [b"short"]

    with Running(short) as server, server.connect() as client:
        client.sendall(GET)
        assert read_all(client).endswith(b"\r\n\r\nshort")


def test_refused_request_is_logged_and_answered():
    with Running(hello) as server, server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nrest that is never parsed")
        assert read_all(client).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert "[WARNING] Invalid request from ip=127.0.0.1: " in server.log_text()


def test_close_is_called_once_when_the_client_leaves(tmp_path):
    closed = tmp_path / "closed"

    def endless(environ, start_response):
        start_response("200 OK", [])
        return Closing(closed, iter(lambda: b"x" * 65536, None))

    with Running(endless) as server:
        with server.connect(**SMALL) as client:
            client.sendall(GET)
            assert client.recv(1)
        fd = os.open(tmp_path, os.O_RDONLY)
        os.close(fd)
        # Served only after the endless answer was given up.
        with server.connect() as other:
            other.sendall(GET)
            assert other.recv(1)
        assert closed.read_text().startswith("closed\n")


# -- hooks -----------------------------------------------------------------------------------------


def test_hooks_see_the_request_and_the_response(tmp_path):
    seen = tmp_path / "seen"

    def pre_request(worker, req):
        req.note = "mine"
        req.headers.append(("X-ADDED", "yes"))

    def post_request(worker, req, environ, resp):
        with seen.open("a") as file:
            print(req.note, environ["HTTP_X_ADDED"], resp.status, resp.sent, file=file)

    with Running(hello, pre_request=pre_request, post_request=post_request) as server:
        server.get()
        server.get()
    assert seen.read_text() == "mine yes 200 OK 5\n" * 2


@pytest.mark.parametrize("count", [2, 3, 4])
def test_post_request_takes_two_to_four_parameters(count, tmp_path):
    seen = tmp_path / "seen"

    def two(worker, req):
        seen.write_text("2")

    def three(worker, req, environ):
        seen.write_text("3")

    def four(worker, req, environ, resp):
        seen.write_text("4")

    with Running(hello, post_request={2: two, 3: three, 4: four}[count]) as server:
        server.get()
    assert seen.read_text() == str(count)


def test_failing_hooks_are_logged_and_harm_nobody():
    def pre_request(worker, req):
        if req.path == "/pre":
            raise ValueError("from pre_request")

    def post_request(worker, req):
        raise ValueError("from post_request")

    hooks = {"pre_request": pre_request, "post_request": post_request}
    with Running(hello, expect_errors=True, **hooks) as server:
        assert server.get("/pre").startswith(b"HTTP/1.1 500 ")
        assert server.get("/").endswith(b"hello")
        server.wait_for_log("ValueError: from pre_request")
        log = server.log_text()
    assert log.count("Exception in post_request hook") == 2


def test_post_request_runs_when_the_application_fails(tmp_path):
    seen = tmp_path / "seen"

    def raising(environ, start_response):
        raise ValueError

    def post_request(worker, req, environ, resp):
        seen.write_text(environ["PATH_INFO"])

    with Running(raising, expect_errors=True, post_request=post_request) as server:
        server.get("/failing")
    assert seen.read_text() == "/failing"


def test_debug_level_names_each_request():
    with Running(hello, loglevel="debug") as server:
        server.get("/path?query")
        assert "[DEBUG] GET /path\n" in server.log_text()


# -- the access log --------------------------------------------------------------------------------


def test_every_request_has_one_access_line(tmp_path):
    log = tmp_path / "access.log"

    def sometimes(environ, start_response):
        if environ["PATH_INFO"] == "/fails":
            raise ValueError
        return hello(environ, start_response)

    settings = {"accesslog": str(log), "access_log_format": "%(r)s %(s)s %(b)s"}
    with Running(sometimes, expect_errors=True, **settings) as server:
        server.get("/fine")
        size = len(server.get("/fails").partition(b"\r\n\r\n")[2])
    assert size
    fine, fails = log.read_text().splitlines()
    assert fine == "GET /fine HTTP/1.1 200 5"
    assert fails.startswith("GET /fails HTTP/1.1 500 ")


# -- seams -----------------------------------------------------------------------------------------


def test_subclass_overrides_handle_request():
    class Counting(SyncWorker):
        def handle_request(self, listener, req, client, addr):
            assert listener in self.sockets
            assert client.getpeername() == addr
            req.headers.append(("X-NUMBER", str(self.nr)))
            super().handle_request(listener, req, client, addr)

    def number(environ, start_response):
        start_response("200 OK", [])
        return [environ["HTTP_X_NUMBER"].encode()]

    with Running(number, worker=Counting) as server:
        assert [server.get()[-1:], server.get()[-1:]] != []
        assert b"\r\n2\r\n" in server.get()


def test_subclass_overrides_handle_and_answers_by_itself():
    class Raw(SyncWorker):
        def handle(self, listener, client, addr):
            client.sendall(b"own protocol")

    with Running(hello, worker=Raw) as server:
        with server.connect() as client:
            client.sendall(GET)
            assert read_all(client) == b"own protocol"
        assert server.get() == b"own protocol"


def test_broken_subclass_costs_only_its_connection():
    class Broken(SyncWorker):
        def handle(self, listener, client, addr):
            if client.request.path == "/broken":
                raise ValueError("a mistake")
            super().handle(listener, client, addr)

    with Running(hello, worker=Broken, expect_errors=True) as server:
        with pytest.raises(ConnectionResetError):
            server.get("/broken")
        assert server.get("/").endswith(b"hello")
        assert "[ERROR] Error processing request." in server.log_text()


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sendfile", [True, False])
@pytest.mark.parametrize("options", [{}, SMALL], ids=["fast", "slow"])
def test_file_wrapper_sends_the_rest_of_the_file(sendfile, options, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 20_000)

    def file(environ, start_response):
        opened = path.open("rb")
        opened.seek(100)
        start_response("200 OK", [("Content-Length", str(path.stat().st_size - 100))])
        return environ["wsgi.file_wrapper"](opened)

    with Running(file, sendfile=sendfile) as server, server.connect(**options) as client:
        for _ in range(2):
            client.sendall(GET)
            assert read_response(client)[1] == path.read_bytes()[100:]


def test_file_that_the_application_closes_is_sent_whole(tmp_path):
    def file(environ, start_response):
        opened = tempfile.TemporaryFile(dir=tmp_path)  # noqa: SIM115
        opened.write(b"x" * 4_000_000)
        opened.seek(0)
        start_response("200 OK", [("Content-Length", "4000000")])
        # close() is called when the iterable is done with, long before a slow client is.
        return environ["wsgi.file_wrapper"](opened)

    with Running(file) as server, server.connect(**SMALL) as client:
        client.sendall(GET)
        assert read_response(client)[1] == b"x" * 4_000_000
