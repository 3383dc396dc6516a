from __future__ import annotations

import json
import os
import pwd
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gunicorn.sites import talk
from gunicorn.sites.talk import NotRunningError, Question, TalkError

IS_ROOT = os.getuid() == 0


@contextmanager
def listener(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """One connection, served by a function; its end is waited for."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()

        def work() -> None:
            connection, _ = sock.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        yield str(path)
        thread.join(5)


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        received = b""
        while not received.endswith(b"\n"):
            received += connection.recv(4096)
        try:
            connection.sendall(data)
        except OSError:
            pass  # the client has heard enough

    return serve


@pytest.fixture
def place() -> Iterator[Path]:
    # short, and reachable by other users: both matter for a Unix socket
    with tempfile.TemporaryDirectory(prefix="talk-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_question_and_answer(place: Path) -> None:
    with listener(place / "s", answering(b'{"ok": true, "workers": [1]}\n')) as path:
        assert talk.ask(path, {"command": "status"}, 5) == {"ok": True, "workers": [1]}


def test_nobody_listens(place: Path) -> None:
    with pytest.raises(NotRunningError):
        talk.ask(str(place / "nothing"), {}, 5)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(place / "stale"))
    with pytest.raises(NotRunningError):
        talk.ask(str(place / "stale"), {}, 5)


@pytest.mark.parametrize("data", [b"nonsense\n", b"[1]\n", b'"x"\n', b"[" * 100_000 + b"\n"])
def test_an_answer_that_makes_no_sense(place: Path, data: bytes) -> None:
    with (
        listener(place / "s", answering(data)) as path,
        pytest.raises(TalkError, match="no JSON object"),
    ):
        talk.ask(path, {}, 5)


def test_a_master_that_dies_while_it_is_asked(place: Path) -> None:
    with (
        listener(place / "s", answering(b'{"ok"')) as path,
        pytest.raises(TalkError, match="ended while it was asked"),
    ):
        talk.ask(path, {}, 5)


def test_an_answer_without_end_is_not_collected(place: Path) -> None:
    with (
        listener(place / "s", answering(b"x" * (talk.MAX_ANSWER + 100_000))) as path,
        pytest.raises(TalkError, match="without end"),
    ):
        talk.ask(path, {}, 5)


def test_a_silent_master_costs_its_time_and_no_more(place: Path) -> None:
    done = threading.Event()
    with listener(place / "s", lambda connection: done.wait(5) and None) as path:
        with pytest.raises(TalkError, match="no answer within"):
            talk.ask(path, {}, 0.05)
        done.set()


def test_words_of_a_stranger_cannot_move_the_cursor() -> None:
    answer = talk.parse_answer(
        json.dumps(
            {"error": "a\x1b[2Jb\x07\r\x9b", "list": ["\x00x"], "\x1bkey": {"t": "a\nb"}}
        ).encode()
    )
    assert answer == {"error": "a [2Jb   ", "list": [" x"], " key": {"t": "a\nb"}}


@pytest.mark.skipif(not IS_ROOT, reason="only root becomes somebody else")
def test_root_asks_as_the_owner_of_the_site(place: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    seen: list[int] = []

    def serve(connection: socket.socket) -> None:
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        seen.extend(memoryview(peer).cast("i").tolist())
        answering(b'{"ok": true}\n')(connection)

    with listener(place / "s", serve) as path:
        (place / "s").chmod(0o666)
        question = Question("shop", path, nobody.pw_uid, nobody.pw_gid, {"command": "status"})
        assert talk.ask_as(question, 5) == {"ok": True}
    assert seen[1:] == [nobody.pw_uid, nobody.pw_gid]


@pytest.mark.skipif(not IS_ROOT, reason="only root becomes somebody else")
def test_a_link_to_a_socket_of_roots_is_of_no_use_to_a_site(place: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(place / "roots"))
        (place / "roots").chmod(0o600)
        sock.listen()
        (place / "control").symlink_to("roots")
        question = Question("shop", str(place / "control"), nobody.pw_uid, nobody.pw_gid, {})
        with pytest.raises(TalkError, match="Permission denied"):
            talk.ask_as(question, 5)


def test_many_are_asked_and_each_answers_for_itself(place: Path) -> None:
    uid, gid = os.getuid(), os.getgid()
    with (
        listener(place / "a", answering(b'{"ok": true}\n')) as a,
        listener(place / "b", answering(b"nonsense\n")) as b,
    ):
        found = talk.ask_all(
            [
                Question("a", a, uid, gid, {}),
                Question("b", b, uid, gid, {}),
                Question("c", str(place / "c"), uid, gid, {}),
            ],
            5,
        )
    assert found["a"] == {"ok": True}
    assert isinstance(found["b"], TalkError)
    assert isinstance(found["c"], NotRunningError)
