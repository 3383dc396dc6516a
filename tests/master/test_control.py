"""The control socket, driven by its selector in this process."""

from __future__ import annotations

import json
import os
import selectors
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gunicorn.errors import ConfigError
from gunicorn.master import control
from gunicorn.system import clock


class Desk:
    """A control socket whose requests are kept for the test to answer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.selector = selectors.DefaultSelector()
        self.requests: list[tuple[dict[str, Any], control.Reply]] = []
        self.control = control.ControlSocket(str(path), 0o600, self.selector, self._handle)

    def _handle(self, request: dict[str, Any], reply: control.Reply) -> None:
        self.requests.append((request, reply))

    def connect(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(10)
        peer.connect(str(self.path))
        self.turn()
        return peer

    def turn(self) -> None:
        """Run everything that is ready now."""
        while ready := self.selector.select(0):
            for key, _ in ready:
                key.data(clock.monotonic())

    def say(self, data: bytes) -> socket.socket:
        peer = self.connect()
        peer.sendall(data)
        self.turn()
        return peer


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "control")
    yield made
    made.control.close()
    made.selector.close()


def heard(peer: socket.socket) -> dict[str, Any]:
    data = b""
    while chunk := peer.recv(65536):
        data += chunk
    peer.close()
    assert data.endswith(b"\n") and data.count(b"\n") == 1
    answer: dict[str, Any] = json.loads(data)
    return answer


def test_socket_is_the_owners_alone(desk: Desk) -> None:
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600


def test_request_is_handled_and_its_answer_closes(desk: Desk) -> None:
    with desk.say(b'{"command": "status"}\n') as peer:
        ((request, reply),) = desk.requests
        assert request == {"command": "status"}
        reply({"ok": True})
        assert heard(peer) == {"ok": True}


def test_answer_may_come_late_while_others_are_served(desk: Desk) -> None:
    with desk.say(b'{"command": "reload"}\n') as slow, desk.say(b'{"command": "x"}\n') as quick:
        (_, late), (_, soon) = desk.requests
        soon({"ok": False})
        assert heard(quick) == {"ok": False}
        desk.control.tick(clock.monotonic() + 3600)
        late({"ok": True, "generation": 2})
        assert heard(slow)["generation"] == 2


def test_request_in_pieces(desk: Desk) -> None:
    with desk.connect() as peer:
        for byte in b'{"command": "status"}':
            peer.sendall(bytes([byte]))
            desk.turn()
        assert desk.requests == []
        peer.sendall(b"\n")
        desk.turn()
        assert len(desk.requests) == 1


@pytest.mark.parametrize("text", [b"\n", b"{\n", b"[]\n", b'"status"\n', b"\xff\n", b"9" * 70000])
def test_what_is_no_request_is_answered(desk: Desk, text: bytes) -> None:
    with desk.say(text) as peer:
        answer = heard(peer)
        assert answer["ok"] is False
        assert "request" in answer["error"]
    assert desk.requests == []


def test_peer_that_says_nothing_is_closed_after_its_time(desk: Desk) -> None:
    with desk.connect() as peer:
        desk.control.tick(clock.monotonic())
        desk.control.tick(clock.monotonic() + control.REQUEST_SECONDS)
        assert peer.recv(1) == b""


def test_peer_that_left_does_not_disturb_its_answer(desk: Desk) -> None:
    desk.say(b'{"command": "reload"}\n').close()
    desk.turn()
    ((_, reply),) = desk.requests
    reply({"ok": True})


def test_peer_that_does_not_read_costs_nobody_a_wait(desk: Desk) -> None:
    with desk.say(b'{"command": "status"}\n') as peer:
        ((_, reply),) = desk.requests
        reply({"ok": True, "text": "x" * (4 << 20)})
        with desk.say(b'{"command": "status"}\n') as other:
            desk.requests[1][1]({"ok": True})
            assert heard(other) == {"ok": True}
        data = b""
        while not data.endswith(b"\n"):
            data += peer.recv(1 << 20)
            desk.turn()
        assert len(json.loads(data)["text"]) == 4 << 20


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_stranger_is_refused_even_where_the_mode_lets_them_in(desk: Desk) -> None:
    desk.path.chmod(0o777)
    for directory in (desk.path.parent, *desk.path.parents):
        if directory == Path("/tmp"):
            break
        directory.chmod(0o755)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(str(desk.path))
            peer.sendall(b'{"command": "stop"}\n')
            os.write(writer, b"sent")
            os.write(writer, peer.recv(4096))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read(4) == b"sent"
        desk.turn()
        answer = json.loads(pipe.read())
    os.waitpid(pid, 0)
    assert answer["ok"] is False and "root" in answer["error"]
    assert desk.requests == []


def test_path_that_is_a_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with selectors.DefaultSelector() as selector, pytest.raises(ConfigError, match="not a socket"):
        control.ControlSocket(str(path), 0o600, selector, lambda request, reply: None)
    assert path.read_text() == "data"


def test_close_takes_the_path_with_it(tmp_path: Path) -> None:
    made = Desk(tmp_path / "control")
    made.control.close()
    made.selector.close()
    assert not made.path.exists()
