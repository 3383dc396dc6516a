from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import crowd, slow_clients

CLONE = Path(__file__).resolve().parent.parent.parent


def test_p99_is_the_time_that_one_in_a_hundred_exceeds() -> None:
    latency = slow_clients.summarize([number / 1000 for number in range(1, 201)])
    assert (latency.requests, latency.worst) == (200, 0.2)
    assert latency.p99 == 0.199


def test_unanswered_requests_count_as_the_longest_wait() -> None:
    latency = slow_clients.summarize([0.001] * 3, unanswered=1)
    assert latency.requests == 4
    assert latency.worst == latency.p99 == 5.0


def test_one_request_is_its_own_p99() -> None:
    assert slow_clients.summarize([0.25]).p99 == 0.25


class Recorder(crowd.Kind):
    """Remembers who sent instead of sending."""

    def __init__(self, count: int) -> None:
        super().__init__("uploads")
        self.sockets = list(range(count))  # type: ignore[assignment]
        self.senders: list[object] = []

    def send_byte(self, sock: object) -> None:
        self.senders.append(sock)


def gathered(count: int) -> tuple[crowd.Crowd, Recorder]:
    people = crowd.Crowd(("127.0.0.1", 1))
    uploads = Recorder(count)
    people.kinds["uploads"] = uploads
    return people, uploads


def test_every_upload_sends_one_byte_a_second_in_turn() -> None:
    people, uploads = gathered(10)
    for _ in range(8):
        people.trickle(0.125)  # a binary fraction, so that the sum is exact
    assert sorted(map(int, map(str, uploads.senders))) == list(range(10))


def test_a_long_pause_is_not_made_up_for_by_a_burst() -> None:
    people, uploads = gathered(10)
    people.trickle(60.0)
    assert len(uploads.senders) == 10


def test_unknown_command_is_an_error() -> None:
    people, _ = gathered(0)
    with pytest.raises(ValueError, match="unknown command"):
        people.obey("close everything")


def test_crowd_reports_what_it_opened_and_sent_and_ends_with_its_input() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.crowd", host, str(port)],
            cwd=CLONE,
            input="open heads 2\nreport\n",
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    opened, report = map(json.loads, done.stdout.splitlines())
    assert opened == {"opened": 2}
    assert report["heads"]["opened"] == report["heads"]["kept"] == 2
    assert report["heads"]["sent"] > 0
    assert report["readers"] == {"opened": 0, "kept": 0, "sent": 0}
