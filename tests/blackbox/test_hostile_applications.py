"""Applications that block, fork, spawn threads and close descriptors that are not theirs.

Each ends as docs/workers.rst says, in every class, and the sibling of its worker notices nothing.
"""

from __future__ import annotations

import os
import signal

import pytest

from tests.blackbox.case import get
from tests.harness import DEADLINE, Server, processes
from tests.harness.classes import CLASSES, flags

APP = "tests.apps.hostile:application"


def serve(kind: str, *more: str) -> Server:
    return Server(APP, *flags(kind), *more, expect_errors=True)


def pid_of(server: Server) -> int:
    return int(server.get().body)


@pytest.mark.parametrize("kind", CLASSES)
def test_whoever_does_not_come_back_is_replaced_alone(kind: str) -> None:
    """A computation, a call into C that keeps the lock, and descriptors closed under the worker."""
    with serve(kind, "--workers", "2", "--timeout", "1") as server:
        for target, told in (
            ("/compute", "the timeout" if kind == "gthread" else "WORKER TIMEOUT"),
            ("/stuck", "WORKER TIMEOUT"),
            ("/close", "Exception in worker process"),
        ):
            before = set(server.wait_workers(lambda pids: len(pids) == 2))
            with server.connect() as connection:
                with server.log_contains(told, "Booting worker"):
                    with server.log_contains("takes nobody in any more"):
                        connection.send(get(target=target))
                    # Meanwhile the other one serves, and it is one all the time.
                    served_by = {pid_of(server) for _ in range(10)}
                after = set(
                    server.wait_workers(
                        lambda pids, before=before: len(pids) == 2 and set(pids) != before
                    )
                )
            assert len(before & after) == 1, target
            assert served_by <= before | after


@pytest.mark.parametrize("kind", CLASSES)
def test_child_that_comes_back_from_a_request_answers_nobody(kind: str) -> None:
    with serve(kind) as server, server.connect() as connection:
        for _ in range(2):
            connection.send(get(target="/fork"))
            worker, child = map(int, connection.read_response().body.split())
            assert [worker] == [pid for pid in server.worker_pids() if pid != child]
            assert processes.wait_gone(child, DEADLINE)
        # Nothing but the answers of the worker is on the connection.
        connection.send(get())
        assert connection.read_response().body == str(worker).encode()


@pytest.mark.parametrize("kind", CLASSES)
def test_child_that_works_holds_no_client_and_ends_by_term(kind: str) -> None:
    """As those of multiprocessing do."""
    with serve(kind) as server, server.connect() as connection:
        connection.send(get("Connection: close", target="/child"))
        _, child = map(int, connection.read_response().body.split())
        try:
            if kind != "gevent_pywsgi":  # gevent's own server knows its clients, we do not
                assert connection.read_to_end() == b""
        finally:
            os.kill(child, signal.SIGTERM)
            assert processes.wait_gone(child, DEADLINE)


@pytest.mark.parametrize("kind", CLASSES)
def test_threads_of_the_application_are_waited_for_no_longer_than_requests(kind: str) -> None:
    with serve(kind, "--graceful-timeout", "1") as server:
        worker = int(server.get("/threads").body)
        assert pid_of(server) == worker
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert processes.stat_of(worker) is None
