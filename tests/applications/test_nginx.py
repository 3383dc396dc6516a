"""nginx in front, over a Unix socket, with and without connections kept to the server."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.applications.browsers import Curl
from tests.harness.environments import Environment
from tests.harness.gate import Gate
from tests.harness.launcher import Launched
from tests.harness.nginx import Nginx

APP = "tests.apps.frameworks.flask_app:application"
DATA = random.Random(8).randbytes(1_500_000)


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate() as held:
        yield held


@pytest.fixture(scope="module")
def server(frameworks: Environment, gate: Gate) -> Iterator[Launched]:
    command = ["-m", "gunicorn", "--bind", "{bind}", "-w", "2", APP]
    with Launched(frameworks.python, *command, bind="unix:socket", env=gate.env) as running:
        yield running


@pytest.fixture(scope="module", params=[0, 8], ids=["connection-each", "keep-alive"])
def nginx(request: pytest.FixtureRequest, server: Launched) -> Iterator[Nginx]:
    with Nginx(str(server.address), keepalive=request.param) as running:
        yield running


def test_many_requests(nginx: Nginx) -> None:
    client = nginx.connect()
    seen = set()
    for _ in range(200):
        client.request("GET", "/")
        response = client.getresponse()
        assert response.status == 200
        page = json.loads(response.read())
        # the peer is a Unix socket, which is trusted to say what the client came by
        assert page["scheme"] == "https"
        seen.add(page["pid"])
    assert seen
    client.close()


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("target", ["/digest", "/digest?again"])
def test_body_passes_unbuffered(nginx: Nginx, framing: str, target: str) -> None:
    client = nginx.connect()
    pieces = (DATA[at : at + 50_000] for at in range(0, len(DATA), 50_000))
    body = DATA if framing == "length" else pieces
    client.request("POST", target, body, encode_chunked=framing == "chunked")
    page = json.loads(client.getresponse().read())
    expected = {"sha256": hashlib.sha256(DATA).hexdigest(), "size": len(DATA)}
    assert page == expected | {"remote": "192.0.2.7"}
    client.close()


def test_stream_passes_as_it_is_said(nginx: Nginx, gate: Gate) -> None:
    client = nginx.connect()
    client.request("GET", "/stream?who=nginx")
    response = client.getresponse()
    waiting = gate.next_arrival()
    assert response.readline() == b"first nginx\n"
    waiting.let_go()
    assert response.read() == b"second nginx\n"
    client.close()


def test_large_answer_and_parts(nginx: Nginx) -> None:
    client = nginx.connect()
    client.request("GET", "/numbers/100000")
    assert client.getresponse().read().endswith(b"99999\n")
    client.request("GET", "/file", headers={"Range": "bytes=0-9"})
    assert client.getresponse().read() == bytes(range(10))
    client.request("HEAD", "/file")
    assert client.getresponse().read() == b""
    client.request("GET", "/nothing")
    assert client.getresponse().status == 404
    client.close()


def test_curl_uploads(nginx: Nginx, tmp_path: Path) -> None:
    curl = Curl("http://localhost", tmp_path, "--unix-socket", nginx.address)
    page = curl.post("/upload", {"title": "t"}, {"file": ("data.bin", DATA)})
    assert page.json() == {"name": "data.bin", "size": len(DATA), "title": "t"}
    assert [curl.get("/").json()["visits"] for _ in range(2)] == [1, 2]


def test_reloads_lose_no_request(nginx: Nginx, server: Launched) -> None:
    """Clients ask all the time while the workers are replaced; nginx answers 502 for a loss."""
    answers: list[int] = []
    is_over = threading.Event()

    def ask() -> None:
        client = nginx.connect()
        while not is_over.is_set():
            client.request("GET", "/")
            response = client.getresponse()
            response.read()
            answers.append(response.status)
        client.close()

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        for _ in range(3):
            with server.log_contains("Reloaded: generation"):
                server.signal(signal.SIGHUP)
    finally:
        is_over.set()
        for client in clients:
            client.join()
    assert len(answers) > 100
    assert set(answers) == {200}
