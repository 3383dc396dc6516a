from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from benchmarks import classes, held, measure
from benchmarks.peers import CLASSES, PEERS, USUAL
from gunicorn.workers import SUPPORTED_WORKERS
from tests.benchmarks.test_table import FACTS


def sample(peer: str, cpu: float) -> measure.Sample:
    return measure.Sample("browser", peer, 0, 100, 1000.0, cpu, 2**20, 0)


def test_every_worker_class_is_measured_beside_the_same_of_the_peer() -> None:
    assert set(CLASSES) == set(SUPPORTED_WORKERS) - {"gevent_wsgi"}
    for kind in CLASSES:
        assert set(classes.peers_of(kind)) <= set(PEERS)
    assert "ours-gevent" not in USUAL


def test_ratios_are_to_our_class_and_missing_peers_have_no_row() -> None:
    samples = [sample("ours-gevent", 10e-6), sample("gunicorn-gevent", 40e-6), sample("ours", 1.0)]
    rows = classes.build_rows(["gevent", "eventlet"], samples)
    assert [(row.kind, row.peer, row.ratio) for row in rows] == [
        ("gevent", "ours-gevent", None),
        ("gevent", "gunicorn-gevent", pytest.approx(4.0)),
    ]
    text = classes.format_rows(rows, FACTS, rst=True)
    assert "| 2026-11-22, a machine" in text
    assert "gevent  gunicorn-gevent  40.0            4.0     1000        1.0" in text


@pytest.fixture
def echoing() -> Iterator[int]:
    """A server of one thread for each client, that answers a head and then echoes frames."""

    def serve(client: socket.socket) -> None:
        # The clients leave in the middle of a frame.
        with client, contextlib.suppress(ConnectionError):
            client.recv(65536)
            client.sendall(b"HTTP/1.1 101 Go on\r\n\r\n")
            while client.recv(65536):
                client.sendall(held._ECHO)

    def take() -> None:
        serve(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads = [threading.Thread(target=take) for _ in range(3)]
        for thread in threads:
            thread.start()
        yield int(listener.getsockname()[1])
        for thread in threads:
            thread.join()


def test_one_process_is_many_clients(echoing: int) -> None:
    with held._connected(echoing) as clients:
        clients.open(3, held._UPGRADE)
        assert clients.gather(b"\r\n\r\n") == 3
        assert clients.echo(0.1) >= 3


def test_of_several_rounds_the_median_is_told_and_the_fewest_answers() -> None:
    rounds = [
        held.Held("ours-gevent", 5, answered, 2**20, each, 3, 9, 1.0, 1e-6, 2048.0)
        for answered, each in ((5, 1024.0), (4, 2048.0), (5, 4096.0))
    ]
    text = held.format_held([held.take_median(rounds)])
    assert "4 of 5 answered, 2.0 KiB each (idle: 1.0 MiB)" in text
