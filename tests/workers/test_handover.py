"""A busy worker's other connections are served by an idle sibling."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from pathlib import Path

import pytest

from tests.workers.running import Running, read_response


def gate(environ, start_response):
    """``/hold`` waits for a byte on a FIFO; everything else answers with the worker's pid.

    ``/fill`` leaves the worker no descriptor, and its connection open.
    """
    body = str(os.getpid()).encode()
    if environ["PATH_INFO"] == "/hold":
        with Path(environ["QUERY_STRING"]).open("rb") as fifo:
            fifo.read(1)
    elif environ["PATH_INFO"] == "/fill":
        soft = 3 + max(int(fd.name) for fd in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
        with contextlib.suppress(OSError):
            while True:
                os.dup(0)
    elif environ["REQUEST_METHOD"] == "POST":
        body += b" " + environ["wsgi.input"].read()[-4:]
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def pair(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with Running(gate, count=2, keepalive=60) as server:
        server.fifo = fifo
        yield server


def two_of_one_worker(server):
    """Two kept-alive connections that are parked in the same worker, and its pid."""
    seen = {}
    clients = []
    while True:
        client = server.connect()
        clients.append(client)
        client.sendall(GET)
        pid = read_response(client)[1]
        if pid in seen:
            for other in clients:
                if other not in (client, seen[pid]):
                    other.close()
            return seen[pid], client, pid
        seen[pid] = client


def hold(server, client):
    """Have a worker busy with ``client``; returns the writing end that lets it go on."""
    client.sendall(f"GET /hold?{server.fifo} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return server.fifo.open("wb")


def test_kept_alive_connection_moves_to_the_idle_sibling(pair):
    held, other, busy = two_of_one_worker(pair)
    with hold(pair, held) as release:
        for _ in range(3):
            other.sendall(GET)
            pid = read_response(other)[1]
            assert pid != busy
        release.write(b".")
    assert read_response(held)[1] == busy


def test_half_a_head_moves_with_its_connection(pair):
    held, other, busy = two_of_one_worker(pair)
    other.sendall(b"GET / HTTP/1.1\r\nHo")
    with hold(pair, held) as release:
        other.sendall(b"st: a\r\n\r\n")
        assert read_response(other)[1] != busy
        release.write(b".")
    assert read_response(held)[1] == busy


def test_pipelined_request_moves_while_another_is_served(pair):
    held, other, busy = two_of_one_worker(pair)
    # Both pipelines arrive in one turn of the worker.
    os.kill(int(busy), signal.SIGSTOP)
    os.waitid(os.P_PID, int(busy), os.WSTOPPED | os.WNOWAIT)
    held.sendall(GET + f"GET /hold?{pair.fifo} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    other.sendall(GET + GET.replace(b"GET", b"PUT"))
    os.kill(int(busy), signal.SIGCONT)
    with pair.fifo.open("wb") as release:
        assert read_response(held)[1] == read_response(other)[1] == busy
        assert read_response(other)[1] != busy
        release.write(b".")
    assert read_response(held)[1] == busy
    held.sendall(GET)
    assert read_response(held)[1] == busy


@pytest.mark.parametrize("size", [1000, 500_000])
def test_half_a_body_moves_with_its_connection(pair, size):
    held, other, busy = two_of_one_worker(pair)
    other.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    other.sendall(b"x" * (size // 2))
    with hold(pair, held) as release:
        other.sendall(b"x" * (size - size // 2 - 4) + b"tail")
        pid, tail = read_response(other)[1].split()
        assert pid != busy
        assert tail == b"tail"
        release.write(b".")
    assert read_response(held)[1] == busy


def test_chunked_body_moves_with_its_connection(pair):
    held, other, busy = two_of_one_worker(pair)
    other.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc")
    with hold(pair, held) as release:
        other.sendall(b"de\r\n4\r\ntail\r\n0\r\n\r\n")
        pid, tail = read_response(other)[1].split()
        assert (pid != busy, tail) == (True, b"tail")
        release.write(b".")
    read_response(held)


def test_new_connections_are_served_while_one_worker_is_busy(pair):
    held, _, busy = two_of_one_worker(pair)
    with hold(pair, held) as release:
        for _ in range(10):
            with pair.connect() as client:
                client.sendall(GET)
                assert read_response(client)[1] != busy
        release.write(b".")
    read_response(held)


def test_connection_stays_when_nobody_is_idle(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with Running(gate, count=1, keepalive=60) as server:
        server.fifo = fifo
        held, other, busy = two_of_one_worker(server)
        with hold(server, held) as release:
            other.sendall(GET)
            release.write(b".")
        assert read_response(held)[1] == busy
        assert read_response(other)[1] == busy


def test_idle_connections_move_when_a_worker_retires(pair):
    first, second, retired = two_of_one_worker(pair)
    index = [str(worker.pid).encode() for worker in pair.workers].index(retired)
    pair.signal(15, index)
    pair.wait(index)
    for client in (first, second):
        client.sendall(GET)
        assert read_response(client)[1] != retired


def test_worker_that_reached_max_requests_loses_nobody(tmp_path):
    with Running(gate, count=2, keepalive=60, max_requests=50) as server:
        first, second, pid = two_of_one_worker(server)
        index = [str(worker.pid).encode() for worker in server.workers].index(pid)
        slot = server.workers[index].tmp
        while (report := slot.read_report()) is None:
            first.sendall(GET)
            assert read_response(first)[1] == pid
        assert report.kind == "replace"
        # This is what the master does when the successor is ready.
        server.signal(15, index)
        server.wait(index)
        for client in (first, second):
            client.sendall(GET)
            assert read_response(client)[1] not in (pid, b"")


def test_worker_without_descriptors_loses_no_connection(pair):
    """A descriptor that comes with a message is closed by the kernel where there is no room."""
    busy = two_of_one_worker(pair)[2]
    full, parked = None, []
    while full is None or len(parked) < 4:
        client = pair.connect()
        client.sendall(GET)
        if read_response(client)[1] == busy:
            parked.append(client)
        else:
            full = client
    full.sendall(b"GET /fill HTTP/1.1\r\nHost: a\r\n\r\n")
    assert read_response(full)[1] != busy
    held, *parked = parked
    with hold(pair, held) as release:
        for client in parked:
            client.sendall(GET)
        # It kept room for one: who takes that is served, the others are left to those with room.
        pair.wait_for_log("cannot take over")
        release.write(b".")
    for client in [held, *parked]:
        read_response(client)
    full.sendall(GET)
    assert read_response(full)[1] != busy
