"""A server whose listening sockets somebody else has opened: systemd, circus, a shell."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests.blackbox.test_lifecycle_reload import hang_up
from tests.blackbox.test_lifecycle_upgrade import finish, stop_successor, upgrade
from tests.harness import Load
from tests.harness.launcher import Launched

#: opens a socket as descriptor 3 and becomes the server, as systemd does for a .socket unit
OPENER = """\
import os, socket, sys
lent = socket.socket(socket.AF_UNIX if {path!r} else socket.AF_INET)
lent.bind({path!r} or ("127.0.0.1", 0))
lent.listen(64)
os.dup2(lent.fileno(), 3)
os.set_inheritable(3, True)
if {announces}:
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="shop.socket")
os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *sys.argv[1:]])
"""


def opened(*flags: str, path: str = "", announces: bool = True, **others: object) -> Launched:
    script = OPENER.format(path=path, announces=announces)
    words = (sys.executable, "-c", script, *flags, "tests.apps.basic:hello")
    return Launched(*words, **others)  # type: ignore[arg-type]


def test_socket_of_the_service_manager() -> None:
    with opened("--workers", "2") as server:
        assert server.address[1] != 8000
        assert server.get().status == 200


def test_path_of_a_lent_socket_stays() -> None:
    with opened(path="lent.test") as server:
        assert server.get().status == 200
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert (server.directory / "lent.test").exists()


@pytest.mark.parametrize("announces", [True, False])
def test_descriptor_by_number(announces: bool) -> None:
    with opened("--bind", "fd://3", announces=announces) as server:
        assert server.get().status == 200


@pytest.mark.parametrize(
    ("bind", "announces"),
    [("", True), ("bind = []\n", True), ("bind = 'fd://3'\n", True), ("bind = 'fd://3'\n", False)],
)
def test_reload_keeps_a_lent_socket(bind: str, announces: bool) -> None:
    files = {"conf.py": bind}
    with opened("-c", "conf.py", files=files, announces=announces) as server, Load(server) as load:
        load.wait_answers(20)
        hang_up(server)
        hang_up(server)
        load.wait_answers(60)
        assert load.failures == []


@pytest.mark.parametrize("bind", ["", "bind = []\n", "bind = 'fd://3'\n"])
def test_next_master_keeps_a_lent_socket(bind: str) -> None:
    """USR2 hands it on by ``GUNICORN_FD``, and the new master reloads with it like the old one."""
    flags = ("-c", "conf.py", "--pid", "gunicorn.pid")
    with (
        opened(*flags, path="lent.test", files={"conf.py": bind}) as server,
        Load(server, may_retry=True) as load,
    ):
        load.wait_answers(20)
        new = upgrade(server)
        with server.log_contains("has gone, this one takes over"):
            finish(server)
        with server.log_contains("Reloaded: generation 2"):
            os.kill(new, signal.SIGHUP)
        load.wait_answers(len(load.answers) + 20)
        assert load.failures == []
        load.__exit__()
        stop_successor(server, new)
        assert (server.directory / "lent.test").exists()
