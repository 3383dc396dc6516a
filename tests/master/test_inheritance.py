"""Sockets from one life of a master to the next, with the test as the service manager."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gunicorn import sock
from gunicorn.errors import ConfigError
from gunicorn.master.inheritance import Inheritance, name_of, variables_for
from gunicorn.system.notify import Notifier


class Log:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def _log(self, text: str, *args: object) -> None:
        self.lines.append(text % args)

    info = warning = error = _log


def config(*addresses: sock.Address, is_default: bool = False, **others: Any) -> Any:
    given = {
        "address": list(addresses), "settings": {"bind": SimpleNamespace(is_default=is_default)},
        "backlog": 16, "is_ssl": False, "umask": 0, "uid": os.geteuid(), "gid": os.getegid(),
    }  # fmt: skip
    return SimpleNamespace(**(given | others))


class Manager:
    """A service manager that keeps descriptors, as far as a master can tell."""

    def __init__(self, path: str) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(path)
        self._sock.setblocking(False)
        self.notifier = Notifier(path, keeps_fds=True)
        self.kept: dict[str, int] = {}
        self.open: list[socket.socket] = []

    def hear(self) -> None:
        while True:
            try:
                text, fds, _, _ = socket.recv_fds(self._sock, 4096, 4)
            except BlockingIOError:
                return
            fields = dict(line.split("=", 1) for line in text.decode().split("\n"))
            if "FDSTOREREMOVE" in fields:
                os.close(self.kept.pop(fields["FDNAME"]))
            elif "FDSTORE" in fields:
                if fields["FDNAME"] in self.kept:  # systemd knows doubles by what they are
                    os.close(self.kept[fields["FDNAME"]])
                self.kept[fields["FDNAME"]] = fds[0]

    def start(self, monkeypatch: pytest.MonkeyPatch) -> Inheritance:
        """Begin a life of the master with what is kept."""
        self.hear()
        passed = {os.dup(fd): name for name, fd in self.kept.items()}
        monkeypatch.setattr("gunicorn.system.notify.listen_fds", lambda environ: passed.items())
        return Inheritance({}, self.notifier)

    def close(self) -> None:
        self.hear()
        for fd in self.kept.values():
            os.close(fd)
        self._sock.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.close()


def end(inheritance: Inheritance, listeners: list[sock.BaseSocket]) -> None:
    for listener in listeners:
        inheritance.close(listener, is_last_owner=True)


def test_sockets_are_kept_from_one_life_to_the_next(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "socket")
    wanted = config(("127.0.0.1", 0), path)
    first = manager.start(monkeypatch)
    listeners = first.open(wanted, Log())
    port = listeners[0].getsockname()[1]
    end(first, listeners)
    manager.hear()
    assert set(manager.kept) == {f"listener-127.0.0.1_{port}", f"listener-{path}"}
    with socket.create_connection(("127.0.0.1", port)), socket.socket(socket.AF_UNIX) as peer:
        peer.connect(path)  # between two lives, both are in a queue that nobody reads yet
        second = manager.start(monkeypatch)
        listeners = second.open(config(path, ("127.0.0.1", 0)), Log())
        assert listeners[1].getsockname()[1] == port
        for listener in listeners:
            listener.accept()[0].close()
    end(second, listeners)


def test_socket_that_is_configured_no_more_is_given_up(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, log = str(tmp_path / "socket"), Log()
    first = manager.start(monkeypatch)
    end(first, first.open(config(path), log))
    assert Path(path).exists()
    second = manager.start(monkeypatch)
    listeners = second.open(config(("127.0.0.1", 0)), log)
    assert not Path(path).exists()
    assert log.lines == [f"Closing an inherited socket that is not configured: listener-{path}"]
    manager.hear()
    assert list(manager.kept) == [name_of(listeners[0])]
    second.give_up(listeners[0])
    manager.hear()
    assert manager.kept == {}


def test_unix_socket_whose_path_was_deleted_is_bound_anew(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "socket"
    first = manager.start(monkeypatch)
    end(first, first.open(config(str(path)), Log()))
    path.unlink()
    second = manager.start(monkeypatch)
    listeners = second.open(config(str(path), umask=0o117), Log())
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
    end(second, listeners)


def test_kept_unix_socket_gets_the_mode_of_today(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "socket"
    first = manager.start(monkeypatch)
    end(first, first.open(config(str(path)), Log()))
    second = manager.start(monkeypatch)
    end(second, second.open(config(str(path), umask=0o117), Log()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def listening(address: Any) -> socket.socket:
    made = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    made.bind(address)
    made.listen(8)
    return made


def test_socket_of_a_unit_stands_for_a_bind_that_nobody_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "socket"
    passed = [(listening(str(path)).detach(), "shop.socket")]
    monkeypatch.setattr("gunicorn.system.notify.listen_fds", lambda environ: passed)
    inheritance = Inheritance({}, Notifier())
    cfg = config(("127.0.0.1", 8000), is_default=True)
    listeners = inheritance.open(cfg, Log())
    assert [listener.cfg_addr for listener in listeners] == [str(path)]
    assert inheritance.addresses(cfg) == [str(path)]  # also what a reload compares with
    end(inheritance, listeners)
    assert path.exists()  # systemd made it, systemd removes it


def test_socket_of_a_unit_is_served_beside_a_chosen_bind(monkeypatch: pytest.MonkeyPatch) -> None:
    lent = listening(("127.0.0.1", 0))
    port = lent.getsockname()[1]
    passed = [(lent.detach(), "web")]
    monkeypatch.setattr("gunicorn.system.notify.listen_fds", lambda environ: passed)
    inheritance = Inheritance({}, Notifier())
    listeners = inheritance.open(config(("127.0.0.2", 0)), Log())
    assert [listener.cfg_addr for listener in listeners] == [("127.0.0.2", 0), ("127.0.0.1", port)]
    end(inheritance, listeners)


def test_descriptor_by_number() -> None:
    lent = listening(("127.0.0.1", 0))
    port, fd = lent.getsockname()[1], lent.detach()
    inheritance = Inheritance({}, Notifier())
    listeners = inheritance.open(config(fd), Log())
    assert listeners[0].getsockname()[1] == port
    end(inheritance, listeners)


def test_descriptor_that_does_not_listen() -> None:
    with socket.socket() as idle, pytest.raises(ConfigError, match="fd://"):
        Inheritance({}, Notifier()).open(config(idle.fileno()), Log())


def test_successor_finds_sockets_by_name_and_knows_what_is_lent(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    lent = listening(("127.0.0.1", 0))
    number = lent.detach()
    old = Inheritance({}, Notifier())
    listeners = old.open(config(path, ("127.0.0.1", 0), number), Log())
    variables = variables_for([*reversed(listeners)], os.getpid())
    assert variables["GUNICORN_PID"] == str(os.getpid())
    environ = {"HOME": "/", **variables}
    new = Inheritance(environ, Notifier())
    assert environ == {"HOME": "/"}
    taken = new.open(config(("127.0.0.1", 0), path, number), Log())
    assert [one.fileno() for one in taken] == [
        listeners[1].fileno(), listeners[0].fileno(), number
    ]  # fmt: skip
    assert [one.is_lent for one in taken] == [False, False, True]
    for listener in listeners:
        listener.sock.detach()
    end(new, taken)
    assert not Path(path).exists()


def test_path_that_the_successor_has_no_use_for_goes_with_the_former_master(
    tmp_path: Path,
) -> None:
    path = str(tmp_path / "socket")
    old = Inheritance({}, Notifier())
    listeners = old.open(config(path), Log())
    environ = {
        **variables_for(listeners, os.getppid()),
        "GUNICORN_FD": str(os.dup(listeners[0].fileno())),
    }
    new = Inheritance(environ, Notifier())
    taken = new.open(config(("127.0.0.1", 0)), Log())
    assert Path(path).exists()  # the old one still serves it
    old.close(listeners[0], is_last_owner=False)
    new.take_over(taken)
    assert not Path(path).exists()
    end(new, taken)
