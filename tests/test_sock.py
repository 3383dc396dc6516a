"""Listening sockets: bound, compared, closed; and what must not be deleted."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gunicorn import sock
from gunicorn.errors import ConfigError


class Log:
    def __init__(self) -> None:
        self.errors: list[str] = []

    def error(self, text: str, *args: object) -> None:
        self.errors.append(text % args)


def config(**others: Any) -> Any:
    given = {"backlog": 16, "is_ssl": False, "umask": 0, "uid": os.geteuid(), "gid": os.getegid()}
    return SimpleNamespace(**(given | others))


Bind = Callable[..., sock.BaseSocket]


@pytest.fixture
def bind() -> Iterator[Bind]:
    made: list[sock.BaseSocket] = []

    def act(address: sock.Address, **others: Any) -> sock.BaseSocket:
        log, conf = others.pop("log", Log()), others.pop("conf", config())
        made.append(sock.create_listener(address, conf, log, **others))
        return made[-1]

    yield act
    for listener in made:
        sock.close_listener(listener)


LOCAL = ("127.0.0.1", 0)


def test_listener_behaves_as_its_socket(bind: Bind) -> None:
    listener = bind(LOCAL)
    assert listener.family == socket.AF_INET
    assert listener.fileno() > 0
    assert not listener.getblocking()
    assert not listener.is_unix
    with socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        accepted.close()


def test_closed_listener_has_no_attributes_and_no_recursion(bind: Bind) -> None:
    listener = bind(LOCAL)
    listener.close()
    with pytest.raises(AttributeError, match="closed"):
        listener.fileno()
    with pytest.raises(AttributeError):
        sock.TCPSocket.__new__(sock.TCPSocket).fileno()
    listener.close()


@pytest.mark.parametrize(
    ("address", "is_ssl", "wanted"),
    [
        (LOCAL, False, "http://127.0.0.1:{port}"),
        (LOCAL, True, "https://127.0.0.1:{port}"),
        (("::1", 0), False, "http://[::1]:{port}"),
        (("", 0), False, "http://0.0.0.0:{port}"),
    ],
)
def test_url_names_the_real_port(
    bind: Bind, address: sock.Address, is_ssl: bool, wanted: str
) -> None:
    listener = bind(address, conf=config(is_ssl=is_ssl))
    port = listener.getsockname()[1]
    assert port != 0
    assert str(listener) == wanted.format(port=port)


def test_accepted_connections_do_not_delay_small_segments(bind: Bind) -> None:
    listener = bind(LOCAL)
    with socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        accepted.close()


def test_ipv6_leaves_ipv4_to_a_listener_of_its_own() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listeners = sock.create_listeners([("0.0.0.0", port), ("::", port)], config(), Log())
    assert len(listeners) == 2
    for listener in listeners:
        sock.close_listener(listener)


# -- addresses that cannot be had ------------------------------------------------------------------


def test_address_in_use_is_tried_five_times(bind: Bind) -> None:
    taken = bind(LOCAL).getsockname()
    log, waits = Log(), []
    with pytest.raises(ConfigError, match="in use"):
        bind(taken, log=log, wait=waits.append)
    assert log.errors == [
        *[f"Connection in use: {taken!r}", "Retrying in 1 second."] * 4,
        f"Connection in use: {taken!r}",
        f"Can't connect to {taken!r}",
    ]
    assert waits == [1.0] * 4


def test_address_that_becomes_free_is_taken(bind: Bind) -> None:
    first = bind(LOCAL)
    address = first.getsockname()
    second = bind(address, wait=lambda seconds: first.close())
    assert second.getsockname() == address


def test_wait_may_give_up(bind: Bind) -> None:
    def stop(seconds: float) -> None:
        raise InterruptedError

    taken = bind(LOCAL).getsockname()
    with pytest.raises(InterruptedError):
        bind(taken, wait=stop)


def test_address_of_another_machine(bind: Bind) -> None:
    log = Log()
    with pytest.raises(ConfigError, match="not of this machine"):
        bind(("192.0.2.1", 0), log=log, wait=lambda seconds: None)
    assert log.errors[0] == "Invalid address: ('192.0.2.1', 0)"


def test_all_or_none(tmp_path: Path, bind: Bind) -> None:
    taken = bind(LOCAL).getsockname()
    path = tmp_path / "socket"
    with pytest.raises(ConfigError):
        sock.create_listeners([str(path), taken], config(), Log(), attempts=1)
    assert not path.exists()


def test_descriptor_that_was_not_passed(bind: Bind) -> None:
    with pytest.raises(ConfigError, match="fd://7"):
        bind(7)


# -- Unix sockets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("umask", "mode"), [(0, 0o777), (0o007, 0o770), (0o117, 0o660)])
def test_mode_is_the_umask_of_the_settings(
    bind: Bind, tmp_path: Path, umask: int, mode: int
) -> None:
    before = os.umask(0o077)
    try:
        listener = bind(str(tmp_path / "socket"), conf=config(umask=umask))
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "socket").stat().st_mode) == mode
    assert str(listener) == f"unix:{tmp_path}/socket"
    assert listener.is_unix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_socket_belongs_to_the_workers_user(bind: Bind, tmp_path: Path) -> None:
    bind(str(tmp_path / "socket"), conf=config(uid=65534, gid=65534))
    found = (tmp_path / "socket").stat()
    assert (found.st_uid, found.st_gid) == (65534, 65534)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a directory of another group")
def test_group_is_left_to_a_set_group_id_directory(bind: Bind, tmp_path: Path) -> None:
    os.chown(tmp_path, 0, 65534)
    tmp_path.chmod(0o2750)
    bind(str(tmp_path / "socket"))
    assert (tmp_path / "socket").stat().st_gid == 65534


def test_dead_socket_is_replaced(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    listener = bind(str(path))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert listener.fileno() > 0


def test_served_socket_is_in_use(bind: Bind, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    first = bind(path)
    with pytest.raises(ConfigError, match="in use"):
        bind(path, attempts=1)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    assert first.fileno() > 0


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_no_socket_is_not_deleted(bind: Bind, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "precious"
    if kind == "file":
        path.write_text("data")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("elsewhere")
    log = Log()
    with pytest.raises(ConfigError, match="not a socket"):
        bind(str(path), log=log)
    assert path.is_symlink() or path.exists()
    assert log.errors == [f"Invalid address: {path} (exists and is not a socket)"]


def test_close_leaves_a_successors_socket(bind: Bind, tmp_path: Path) -> None:
    """B#13: the path belongs to whoever bound it last."""
    path = tmp_path / "socket"
    old = bind(str(path))
    path.rename(tmp_path / "aside")
    new = bind(str(path))
    sock.close_listener(old)
    assert path.exists()
    sock.close_listener(new)
    assert not path.exists()


# -- comparing -------------------------------------------------------------------------------------


def test_plan_keeps_binds_and_closes(bind: Bind, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    kept, gone = bind(LOCAL), bind(path)
    wanted: list[sock.Address] = [("::1", 0), LOCAL, LOCAL]
    assert sock.plan_listeners([kept, gone], wanted) == ([kept], [("::1", 0)], [gone])


def test_passed_sockets_are_matched_by_where_they_are_bound(bind: Bind, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    made = [bind(LOCAL), bind(("::1", 0)), bind(path)]
    v4, v6 = made[0].getsockname()[:2], made[1].getsockname()[:2]
    inner = [listener.sock for listener in made if listener.sock is not None]
    found = sock.match_inherited(reversed(inner), [path, v6, v4, ("127.0.0.1", 1)])
    assert found == {v4: inner[0], v6: inner[1], path: inner[2]}
