"""Flask: what it streams arrives as it is said, what it is sent arrives whole."""

from __future__ import annotations

import hashlib
import http.client
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.applications.browsers import Curl, Requests, Urllib
from tests.harness.environments import Environment
from tests.harness.gate import Gate
from tests.harness.launcher import Launched
from tests.harness.server import DEADLINE

APP = "tests.apps.frameworks.flask_app:application"
DATA = random.Random(7).randbytes(2_000_000)
DIGEST = {"sha256": hashlib.sha256(DATA).hexdigest(), "size": len(DATA), "remote": "127.0.0.1"}


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate() as held:
        yield held


@pytest.fixture(scope="module")
def server(frameworks: Environment, gate: Gate) -> Iterator[Launched]:
    command = ["-m", "gunicorn", "--bind", "{bind}", APP]
    with Launched(frameworks.python, *command, env=gate.env) as running:
        yield running


@pytest.fixture
def client(server: Launched) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(*server.address, timeout=DEADLINE)
    yield connection
    connection.close()


def test_stream_arrives_as_it_is_said(client: http.client.HTTPConnection, gate: Gate) -> None:
    client.request("GET", "/stream?who=flask")
    response = client.getresponse()
    waiting = gate.next_arrival()
    # the second piece does not exist yet
    assert response.readline() == b"first flask\n"
    waiting.let_go()
    assert response.read() == b"second flask\n"
    # and the connection goes on
    sock = client.sock
    client.request("GET", "/")
    assert client.getresponse().status == 200
    assert client.sock is sock


def test_stream_that_is_abandoned_costs_nothing(server: Launched, gate: Gate) -> None:
    client = http.client.HTTPConnection(*server.address, timeout=DEADLINE)
    client.request("GET", "/stream?who=nobody")
    client.getresponse().readline()
    client.close()
    gate.next_arrival().let_go()
    assert server.get().status == 200


def test_body_with_a_length(client: http.client.HTTPConnection) -> None:
    for headers in ({}, {"Expect": "100-continue"}):
        client.request("POST", "/digest", DATA, headers)
        assert json_of(client) == DIGEST


def test_body_in_chunks_is_read_to_its_end(client: http.client.HTTPConnection) -> None:
    pieces = (DATA[at : at + 70_000] for at in range(0, len(DATA), 70_000))
    client.request("POST", "/digest", pieces, encode_chunked=True)
    assert json_of(client) == DIGEST
    client.request("GET", "/")
    assert client.getresponse().status == 200


def json_of(client: http.client.HTTPConnection) -> object:
    return json.loads(client.getresponse().read())


def test_curl_sends_in_chunks_and_with_expect(server: Launched, tmp_path: Path) -> None:
    host, port = server.address
    chunked = ["--header", "Transfer-Encoding: chunked", "--header", "Content-Type: x/y"]
    (tmp_path / "data").write_bytes(DATA)
    body = ["--data-binary", f"@{tmp_path / 'data'}"]
    for options in ([], chunked, ["--header", "Expect: 100-continue"], ["--http1.0"]):
        page = Curl(f"http://{host}:{port}", tmp_path, *options, *body).get("/digest")
        assert page.json() == DIGEST, options


def test_long_answer_in_many_pieces(client: http.client.HTTPConnection) -> None:
    client.request("GET", "/numbers/50000")
    expected = b"".join(b"%d\n" % number for number in range(50000))
    assert client.getresponse().read() == expected


def test_session_and_upload(
    server: Launched, browser_class: type[Curl | Requests | Urllib], tmp_path: Path
) -> None:
    host, port = server.address
    browser = browser_class(f"http://{host}:{port}", tmp_path)
    assert [browser.get("/").json()["visits"] for _ in range(3)] == [1, 2, 3]
    page = browser.post("/upload", {"title": "a title"}, {"file": ("data.bin", DATA)})
    assert page.json() == {"name": "data.bin", "size": len(DATA), "title": "a title"}


def test_part_of_a_file(client: http.client.HTTPConnection) -> None:
    client.request("GET", "/file", headers={"Range": "bytes=250-259"})
    response = client.getresponse()
    assert response.status == 206
    assert response.read() == bytes([250, 251, 252, 253, 254, 255, 0, 1, 2, 3])
    client.request("GET", "/file", headers={"If-None-Match": '"x"'})
    response = client.getresponse()
    assert (response.status, response.read()) == (304, b"")
    client.request("HEAD", "/file")
    response = client.getresponse()
    assert (response.getheader("Content-Length"), response.read()) == ("102400", b"")
