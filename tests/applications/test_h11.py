"""h11, a client that forgives nothing: it raises at whatever HTTP/1.1 does not allow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.environments import Environment
from tests.harness.gate import Gate
from tests.harness.launcher import Launched

APP = "tests.apps.frameworks.flask_app:application"


@pytest.fixture(scope="module", params=["tcp", "unix"])
def server(request: pytest.FixtureRequest, frameworks: Environment) -> Iterator[Launched]:
    command = ["-m", "gunicorn", "--bind", "{bind}", APP]
    with (
        Gate() as gate,
        Launched(frameworks.python, *command, bind=request.param, env=gate.env) as running,
    ):
        yield running


class Client:
    """One connection, driven by h11."""

    def __init__(self, server: Launched) -> None:
        import h11

        self.h11 = h11
        self.sock = server.connect_raw()
        self.state = h11.Connection(h11.CLIENT)

    def ask(
        self, method: str, target: str, *pieces: bytes, headers: dict[str, str] | None = None
    ) -> tuple[Any, bytes]:
        """Send a request and give the response and its body."""
        h11 = self.h11
        fields = {"Host": "localhost"} | (headers or {})
        if pieces and "Content-Length" not in fields:
            fields["Transfer-Encoding"] = "chunked"
        request = h11.Request(method=method, target=target, headers=list(fields.items()))
        self.sock.sendall(self.state.send(request))
        if "Expect" in fields:
            assert isinstance(self.next_event(), h11.InformationalResponse)
        for piece in pieces:
            self.sock.sendall(self.state.send(h11.Data(data=piece)))
        if end := self.state.send(h11.EndOfMessage()):
            self.sock.sendall(end)
        response = self.next_event()
        body = b""
        while not isinstance(event := self.next_event(), h11.EndOfMessage):
            body += event.data
        if self.state.our_state is h11.DONE and self.state.their_state is h11.DONE:
            self.state.start_next_cycle()
        return response, body

    def next_event(self) -> Any:
        while (event := self.state.next_event()) is self.h11.NEED_DATA:
            self.state.receive_data(self.sock.recv(65536))
        return event


@pytest.fixture
def client(server: Launched, libraries: None) -> Iterator[Client]:
    made = Client(server)
    yield made
    made.sock.close()


def test_one_connection_for_everything(client: Client) -> None:
    ask = client.ask
    for _ in range(2):
        assert ask("GET", "/")[0].status_code == 200
        assert ask("HEAD", "/file")[1] == b""
        assert ask("GET", "/numbers/1000")[1].endswith(b"999\n")
        assert b'"size":10' in ask("POST", "/digest", b"01234", b"56789")[1]
        assert b'"size":3' in ask("POST", "/digest", b"abc", headers={"Content-Length": "3"})[1]
        expecting = {"Expect": "100-continue", "Content-Length": "3"}
        assert b'"size":3' in ask("POST", "/digest", b"abc", headers=expecting)[1]
        response, body = ask("GET", "/file", headers={"If-None-Match": '"x"'})
        assert (response.status_code, body) == (304, b"")
        assert ask("GET", "/nothing")[0].status_code == 404
    # still the same connection, and nothing was sent beyond what was asked
    assert client.state.our_state is client.h11.IDLE
    assert client.state.trailing_data == (b"", False)


def test_last_request_ends_the_connection(client: Client) -> None:
    response, _ = client.ask("GET", "/", headers={"Connection": "close"})
    assert (b"connection", b"close") in list(response.headers)
    assert client.state.their_state is client.h11.MUST_CLOSE
    assert client.sock.recv(1) == b""
