"""The sync worker over real sockets: what one client does never occupies the worker."""

from __future__ import annotations

import hashlib
import os
import resource
import select
import signal
import socket
import struct
import threading
from pathlib import Path

import pytest

from gunicorn.workers import channel
from gunicorn.workers.sync import SyncWorker
from tests.workers.running import Running, read_all, read_response

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#: more than the kernel keeps for a peer that does not read, with SMALL buffers
BIG = 8 * 1024 * 1024
SMALL = {"SO_RCVBUF": 4096}


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


def echo(environ, start_response):
    """Answers with the length and the SHA-256 of the body."""
    digest, size = hashlib.sha256(), 0
    while data := environ["wsgi.input"].read(65536):
        digest.update(data)
        size += len(data)
    body = f"{size} {digest.hexdigest()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def big(environ, start_response):
    if environ["PATH_INFO"] == "/small":
        return hello(environ, start_response)
    start_response("200 OK", [("Content-Length", str(BIG))])
    return [bytes(65536) for _ in range(BIG // 65536)]


class Impatient(SyncWorker):
    """Grants clients next to nothing, so that tests of deadlines are quick."""

    LOOK_SECONDS = 0.02
    HEAD_SECONDS = BODY_SECONDS = DRAIN_SECONDS = LINGER_SECONDS = PATIENCE_SECONDS = 0.1
    BODY_RATE = 1 << 20


def expected(data: bytes) -> bytes:
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()


# -- the ordinary ----------------------------------------------------------------------------------


def test_hello_end_to_end():
    with Running(hello) as server:
        answer = server.get()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhello")


def test_connection_is_kept_for_further_requests():
    with Running(hello) as server, server.connect() as client:
        for _ in range(3):
            client.sendall(GET)
            head, body = read_response(client)
            assert b"Connection: keep-alive" in head
            assert body == b"hello"


def test_pipelined_requests_are_answered_in_order():
    def numbered(environ, start_response):
        body = environ["PATH_INFO"].encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    with Running(numbered) as server, server.connect() as client:
        client.sendall(
            b"".join(b"GET /%03d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(100))
            + b"GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        answers = read_all(client)
    bodies = [part[:4] for part in answers.split(b"\r\n\r\n")[1:]]
    assert bodies == [b"/%03d" % number for number in range(100)] + [b"/end"]


def test_pipeline_is_read_no_faster_than_it_is_answered():
    most = 0

    class Counting(SyncWorker):
        def handle(self, listener, client, addr):
            nonlocal most
            most = max(most, client.connection.buffered)
            super().handle(listener, client, addr)

    def tell(environ, start_response):
        body = b"%d" % most
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    data = GET * 10_000 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with Running(tell, worker=Counting) as server, server.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        answers = read_all(client)
        sender.join()
    assert answers.count(b"HTTP/1.1 200") == 10_001
    # What is received at once, and the piece of a request that was left of what came before.
    assert int(answers.rpartition(b"\r\n\r\n")[2]) < channel.READ_SIZE + len(GET)


def test_no_keepalive_without_the_setting():
    with Running(hello, keepalive=0) as server, server.connect() as client:
        client.sendall(GET)
        assert b"Connection: close" in read_all(client)


# -- slow and vanished clients ---------------------------------------------------------------------


def test_half_open_heads_keep_nobody_waiting():
    with Running(hello) as server:
        slow = [server.connect() for _ in range(50)]
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\nHost")
        assert server.get().endswith(b"hello")
        for client in slow:
            client.sendall(b": a\r\n\r\n")
            assert read_response(client)[1] == b"hello"
            client.close()


def test_trickling_body_keeps_nobody_waiting():
    data = os.urandom(1000)
    with Running(echo) as server, server.connect() as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        for start in range(0, 1000, 250):
            slow.sendall(data[start : start + 250])
            assert server.get().endswith(expected(b""))
        assert read_response(slow)[1] == expected(data)


@pytest.mark.parametrize("size", [65536, 65537, 1 << 20])
def test_body_in_memory_or_in_a_file_is_the_same(size):
    data = os.urandom(size)
    with Running(echo) as server, server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + data)
        assert read_response(client)[1] == expected(data)
        client.sendall(GET)
        assert read_response(client)[1] == expected(b"")


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_long_body_is_streamed(framing):
    class Streaming(SyncWorker):
        STREAM_ABOVE = 1000

    data = os.urandom(300_000)
    with Running(echo, worker=Streaming) as server, server.connect() as client:
        if framing == "length":
            head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n"
            client.sendall(head)
            client.sendall(data)
        else:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in range(0, len(data), 1000):
                client.sendall(b"3e8\r\n" + data[start : start + 1000] + b"\r\n")
            client.sendall(b"0\r\n\r\n")
        assert read_response(client)[1] == expected(data)
        client.sendall(GET)
        assert read_response(client)[1] == expected(b"")


def test_trickle_into_a_streamed_body_is_given_up():
    class Streaming(Impatient):
        STREAM_ABOVE = 1000

    with Running(echo, worker=Streaming) as server, server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        # Each byte comes well before PATIENCE_SECONDS, and the last would come after hours.
        with pytest.raises(OSError):  # a reset, or a broken pipe
            for _ in range(1000):
                client.sendall(b"x")
                assert not select.select([client], [], [], 0.02)[0] or client.recv(1000)
        assert server.get().endswith(expected(b""))


def test_trickle_out_of_a_full_outbox_is_given_up(monkeypatch):
    monkeypatch.setattr(channel, "HIGH_WATER", 1 << 20)

    def endless(environ, start_response):
        if environ["PATH_INFO"] == "/small":
            return hello(environ, start_response)
        start_response("200 OK", [])
        return (bytes(65536) for _ in range(10_000))

    class Slow(Impatient):
        PATIENCE_RATE = 1 << 24

    with Running(endless, worker=Slow) as server, server.connect(**SMALL) as client:
        client.sendall(GET)
        with pytest.raises(ConnectionResetError):
            while client.recv(1024):
                select.select([], [], [], 0.001)
        assert server.get("/small").endswith(b"hello")


@pytest.mark.parametrize("above", [10, 1 << 20], ids=["streamed", "gathered"])
def test_continue_is_sent_before_the_body_is_awaited(above):
    class Streaming(SyncWorker):
        STREAM_ABOVE = above

    with Running(echo, worker=Streaming) as server, server.connect() as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"x" * 20)
        assert read_response(client)[1] == expected(b"x" * 20)


def test_client_that_leaves_in_its_body_is_never_served():
    def never(environ, start_response):
        raise AssertionError("served half a request")

    with Running(never) as server:
        for size in (10, 100_000):
            with server.connect() as client:
                client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n")
                client.sendall(b"x" * size)
                client.shutdown(socket.SHUT_WR)
                assert read_all(client) == b""


def test_client_that_resets_costs_only_itself():
    with Running(big) as server:
        for request in (GET, GET[:10], b""):
            client = server.connect(**SMALL)
            client.sendall(request)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        assert server.get("/small").endswith(b"hello")


# -- answers nobody takes --------------------------------------------------------------------------


def test_peers_that_do_not_read_keep_nobody_waiting():
    with Running(big, keepalive=60) as server:
        deaf = [server.connect(**SMALL) for _ in range(5)]
        for client in deaf:
            client.sendall(GET)
        assert server.get("/small").endswith(b"hello")
        # All of it comes in the end, and the connection goes on.
        for client in deaf:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            assert len(read_response(client)[1]) == BIG
            client.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_response(client)[1] == b"hello"
            client.close()


def test_generator_waits_at_the_high_water_mark(monkeypatch, tmp_path):
    monkeypatch.setattr(channel, "HIGH_WATER", 1 << 20)
    progress = tmp_path / "progress"

    def endless(environ, start_response):
        start_response("200 OK", [])
        for number in range(200):
            progress.write_text(str(number))
            yield bytes(65536)

    with Running(endless) as server, server.connect(**SMALL) as client:
        client.sendall(GET.replace(b"1.1", b"1.0"))
        # The kernel's buffers and ours are full long before the end.
        head = client.recv(1000)
        assert head.startswith(b"HTTP/1.0 200 OK")
        assert int(progress.read_text() or 0) < 199
        size = len(head) + len(read_all(client))
    assert size - head.index(b"\r\n\r\n") - 4 == 200 * 65536


@pytest.mark.usefixtures("closed_marker")
def test_peer_that_never_reads_is_given_up(monkeypatch):
    monkeypatch.setattr(channel, "HIGH_WATER", 1 << 20)

    def closing(environ, start_response):
        if environ["PATH_INFO"] == "/closed":
            return hello(environ, start_response)
        start_response("200 OK", [])
        return Blocks()

    class Blocks:
        def __iter__(self):
            return iter([bytes(65536)] * 1000)

        def close(self):
            Path(os.environ["GUNICORN_TEST_CLOSED"]).write_text("x")

    with Running(closing, worker=Impatient) as server:
        # Given up in the middle of the generator (the application waited for it).
        client = server.connect(**SMALL)
        client.sendall(GET)
        assert server.get("/closed").endswith(b"hello")
        client.close()


@pytest.fixture
def closed_marker(monkeypatch, tmp_path):
    marker = tmp_path / "closed"
    monkeypatch.setenv("GUNICORN_TEST_CLOSED", str(marker))
    yield marker
    assert marker.exists(), "close() of the iterable was not called"


def test_answer_that_is_never_taken_is_dropped_at_the_deadline():
    with Running(big, worker=Impatient) as server, server.connect(**SMALL) as client:
        client.sendall(GET)
        client.recv(1)
        # The drain deadline passes: the peer is reset in the middle of its answer.
        with pytest.raises(ConnectionResetError):
            while select_end(client):
                pass


def select_end(client: socket.socket) -> bool:
    """Wait until the connection is broken, without reading; raises what broke it."""
    poll = select.poll()
    poll.register(client, select.POLLERR | select.POLLHUP)
    assert poll.poll(10_000)
    error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))
    return True


# -- deadlines -------------------------------------------------------------------------------------


def test_head_that_takes_too_long_is_answered_408():
    with Running(hello, worker=Impatient) as server, server.connect() as client:
        client.sendall(b"GET / HT")
        assert read_all(client).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_body_that_takes_too_long_is_answered_408():
    with Running(echo, worker=Impatient) as server, server.connect() as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        assert read_all(client).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_silent_connection_is_closed_without_a_word():
    with Running(hello, worker=Impatient) as server, server.connect() as client:
        assert read_all(client) == b""


def test_idle_connection_is_closed_after_keepalive():
    with Running(hello, worker=Impatient, keepalive=1) as server, server.connect() as client:
        client.sendall(GET)
        assert read_response(client)[1] == b"hello"
        assert read_all(client) == b""


# -- the cap ---------------------------------------------------------------------------------------


def test_cap_closes_idle_connections_first():
    with Running(hello, worker_connections=4, keepalive=60) as server:
        for _ in range(8):
            client = server.connect()
            client.sendall(GET)
            assert read_response(client)[1] == b"hello"
        assert read_all(server.clients[0]) == b""
        assert "accepts no more" not in server.log_text()


def test_full_worker_keeps_nobody_idle():
    with Running(hello, worker_connections=4, keepalive=60) as server:
        clients = [server.connect() for _ in range(8)]
        for client in clients:
            client.sendall(GET)
            assert read_response(client)[1] == b"hello"


def test_cap_pauses_accepting_and_says_so_once_each_way():
    with Running(hello, worker_connections=3, loglevel="info") as server:
        slow = [server.connect() for _ in range(3)]
        for client in slow:
            client.sendall(GET[:5])
        server.wait_for_log("accepts no more (worker_connections)")
        waiting = [server.connect() for _ in range(3)]
        for client in waiting:
            client.sendall(GET)
        for client in slow:
            client.sendall(GET[5:])
            assert read_response(client)[1] == b"hello"
            client.close()
        for client in waiting:
            assert read_response(client)[1] == b"hello"
            client.close()
        log = server.log_text()
    assert log.count("accepts no more (worker_connections)") == 1
    assert log.count("accepts again") == 1


def test_worker_without_descriptors_waits_and_says_so_once():
    class Attentive(SyncWorker):
        LOOK_SECONDS = 0.02

    with Running(hello, worker=Attentive, loglevel="info") as server:
        limit = 20 + max(int(fd.name) for fd in Path(f"/proc/{server.pid}/fd").iterdir())
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (limit, limit))
        clients = [server.connect() for _ in range(limit + 20)]
        for client in clients:
            client.sendall(GET[:5])
        server.wait_for_log("cannot accept")
        beats = server.workers[0].tmp
        first = beats.last_update()
        while beats.last_update() < first + 0.2:  # many looks
            os.sched_yield()
        assert server.log_text().count("cannot accept") == 1
        for client in clients:
            client.sendall(GET[5:])
            assert read_response(client)[1] == b"hello"
            client.close()
        assert server.get().endswith(b"hello")


# -- leaving ---------------------------------------------------------------------------------------


def test_stop_finishes_what_has_begun_and_closes_what_has_not():
    with Running(echo, worker=SyncWorkerAlone, keepalive=60) as server:
        idle, begun = server.connect(), server.connect()
        idle.sendall(GET)
        read_response(idle)
        begun.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        assert server.get().endswith(expected(b""))
        server.signal(signal.SIGTERM)
        assert read_all(idle) == b""
        begun.sendall(b"cd")
        head, body = read_response(begun)
        assert b"Connection: close" in head
        assert body == expected(b"abcd")
        assert server.wait() == 0


class SyncWorkerAlone(SyncWorker):
    """Without siblings."""

    @classmethod
    def prepare(cls, cfg):
        pass


def test_stop_during_a_request_answers_it(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def waiting(environ, start_response):
        with fifo.open("rb") as gate:
            gate.read(1)
        return hello(environ, start_response)

    with Running(waiting) as server, server.connect() as client:
        client.sendall(GET)
        with fifo.open("wb") as gate:
            server.signal(signal.SIGTERM)
            gate.write(b".")
        head, body = read_response(client)
        assert b"Connection: close" in head
        assert body == b"hello"
        assert server.wait() == 0


@pytest.mark.parametrize("count", [1, 2])
def test_stop_answers_who_was_not_accepted_yet(count):
    with Running(hello, count=count) as server:
        for worker in server.workers:
            os.kill(worker.pid, signal.SIGSTOP)
            os.waitid(os.P_PID, worker.pid, os.WSTOPPED | os.WNOWAIT)
        clients = [server.connect() for _ in range(10)]
        for client in clients:
            client.sendall(GET)
        for worker in server.workers:
            os.kill(worker.pid, signal.SIGTERM)
            os.kill(worker.pid, signal.SIGCONT)
        for client in clients:
            assert read_all(client).endswith(b"hello")
        assert [server.wait(index) for index in range(count)] == [0] * count


def test_stop_gives_up_after_graceful_timeout():
    with Running(hello, worker=SyncWorkerAlone, graceful_timeout=1) as server:
        with server.connect() as client:
            client.sendall(GET[:5])
            assert server.get().endswith(b"hello")
            server.signal(signal.SIGTERM)
            assert read_all(client) == b""
        assert server.wait() == 0
        assert "Worker graceful timeout" in server.log_text()


@pytest.mark.parametrize("signum", [signal.SIGQUIT, signal.SIGINT])
def test_quick_stop_leaves_at_once(signum, tmp_path):
    marker = tmp_path / "hook"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def stuck(environ, start_response):
        with fifo.open("rb") as gate:
            # A signal just before a system call is noticed by Python after it: no endless ones.
            while not select.select([gate], [], [], 0.02)[0]:
                pass
        return hello(environ, start_response)

    def worker_int(worker):
        marker.write_text("called")

    with Running(stuck, worker_int=worker_int) as server, server.connect() as client:
        client.sendall(GET)
        with fifo.open("wb"):
            server.signal(signum)
            assert server.wait() == 0
    assert marker.read_text() == "called"


def test_abort_runs_its_hook_and_exits_1(tmp_path):
    marker = tmp_path / "hook"

    def worker_abort(worker):
        marker.write_text(str(worker.aborted))

    with Running(hello, worker_abort=worker_abort, expect_errors=True) as server:
        server.signal(signal.SIGABRT)
        assert os.waitstatus_to_exitcode(server.wait()) == 1
    assert marker.read_text() == "True"


def test_max_requests_asks_for_a_successor_once_and_serves_until_term():
    with Running(hello, worker=SyncWorkerAlone, max_requests=3) as server:
        with server.connect() as client:
            for _ in range(7):
                client.sendall(GET)
                head, body = read_response(client)
                assert (b"keep-alive" in head, body) == (True, b"hello")
        slot = server.workers[0].tmp
        assert [report.kind for report in iter(slot.read_report, None)] == ["replace"]
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert server.log_text().count("Autorestarting worker after current request.") == 1


def test_worker_leaves_when_its_parent_changes():
    class Orphan(SyncWorker):
        LOOK_SECONDS = 0.02

        def init_process(self):
            self.ppid = 1
            super().init_process()

    with Running(hello, worker=Orphan) as server:
        assert server.wait() == 0
        assert f"Parent changed, shutting down: <Worker {server.pid}>" in server.log_text()


# -- liveness --------------------------------------------------------------------------------------


def test_heartbeat_advances_while_idle():
    with Running(hello, worker=Impatient) as server:
        slot = server.workers[0].tmp
        first = slot.last_update()
        with server.connect() as client:
            # Closed by the worker's deadline, so several looks have happened meanwhile.
            assert read_all(client) == b""
        assert slot.last_update() > first


def test_no_timeout_does_not_spin():
    with Running(hello, timeout=0) as server:
        assert server.get().endswith(b"hello")
        before = cpu_ticks(server.pid)
        with server.connect() as client:
            client.settimeout(0.5)
            with pytest.raises(TimeoutError):
                client.recv(1)
        assert cpu_ticks(server.pid) - before <= 5


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_body_that_the_disk_does_not_take_is_answered_500():
    with Running(echo, expect_errors=True) as server, server.connect() as client:
        server.uploads.rmdir()
        client.sendall(b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        client.sendall(b"x" * 70_000)
        assert read_all(client).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert "Error handling request /up" in server.log_text()
        server.uploads.mkdir()
        assert server.get().endswith(expected(b""))


def test_slow_request_leaves_the_client_its_keepalive(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def sometimes(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            with fifo.open("rb") as gate:
                gate.read(1)
        return hello(environ, start_response)

    with Running(sometimes, keepalive=1) as server, server.connect() as client:
        client.sendall(GET.replace(b"/ ", b"/slow "))
        with fifo.open("wb") as gate:
            # Longer than the keep-alive time: a wait of the client, not for the worker.
            assert not select.select([client], [], [], 1.1)[0]
            gate.write(b".")
        read_response(client)
        client.sendall(GET)
        assert read_response(client)[1] == b"hello"
