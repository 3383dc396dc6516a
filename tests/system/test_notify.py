"""sd_notify without systemd: the test owns the socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gunicorn.system import notify
from gunicorn.system.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(10)
        yield path, sock


def test_text_arrives_as_one_datagram(manager: tuple[str, socket.socket]) -> None:
    path, sock = manager
    assert Notifier(path).send("READY=1\nSTATUS=é")
    assert sock.recv(4096).decode() == "READY=1\nSTATUS=é"


def test_abstract_address(tmp_path: Path) -> None:
    name = f"gunicorn-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name)
        assert Notifier("@" + name).send("READY=1")
        assert sock.recv(64) == b"READY=1"


def test_descriptors_go_with_the_text(manager: tuple[str, socket.socket]) -> None:
    path, sock = manager
    reader, writer = os.pipe()
    assert Notifier(path).send("FDSTORE=1", [writer])
    os.close(writer)
    text, fds, _, _ = socket.recv_fds(sock, 4096, 4)
    assert text == b"FDSTORE=1"
    os.write(fds[0], b"x")
    assert os.read(reader, 1) == b"x"
    for fd in (reader, *fds):
        os.close(fd)


def test_successor_takes_what_we_took() -> None:
    environ = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "30000000", "FDSTORE": "16"}
    taken = Notifier.take_from(environ)
    assert taken == Notifier("/run/x", 10.0, keeps_fds=True)
    assert Notifier.take_from(taken.variables()) == taken
    assert Notifier().variables() == {}


@pytest.mark.parametrize("address", ["", "/no/such/directory/notify", "x" * 400, "@"])
def test_nobody_there_is_no_error(address: str) -> None:
    assert Notifier(address).send("READY=1") is False


def test_full_queue_is_no_wait(manager: tuple[str, socket.socket]) -> None:
    notifier = Notifier(manager[0])
    while notifier.send("STATUS=" + "x" * 4000):
        pass


def test_variables_are_taken_so_that_children_do_not_speak_for_us() -> None:
    environ = {
        "NOTIFY_SOCKET": "/run/x",
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    taken = Notifier.take_from(environ)
    assert taken == Notifier("/run/x", 10.0)
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize(
    "watchdog",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "9", "WATCHDOG_PID": "1"},
    ],
)
def test_watchdog_that_is_not_for_us(watchdog: dict[str, str]) -> None:
    environ = {"NOTIFY_SOCKET": "/run/x", **watchdog}
    assert Notifier.take_from(environ).watchdog_period is None


def test_sd_notify_uses_the_environment(
    manager: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager[0])
    assert notify.sd_notify("STOPPING=1")
    assert manager[1].recv(64) == b"STOPPING=1"
    assert os.environ["NOTIFY_SOCKET"] == manager[0]


def test_listen_fds_are_for_one_process() -> None:
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web"}
    assert notify.listen_fds(environ) == [(3, "web"), (4, "")]
    assert environ == {}
    assert notify.listen_fds({"LISTEN_PID": "1", "LISTEN_FDS": "2"}) == []
