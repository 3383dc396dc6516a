"""Speaking to the control socket of a site, whose answers are a stranger's words.

One JSON object each way, one line each, a connection per request (the server side is the master's
``control_socket``). What comes back was written by a process of the site, so it is bounded in size
and time and stripped of control characters before anybody prints it.

Root never connects by itself: the socket lies in a directory of the site's user, who could put
anything in its place. ``ask_as`` forks a child that becomes that user first; the worst it can reach
is what the user could reach anyway.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: an answer of a master with hundreds of workers is some tens of KiB
MAX_ANSWER = 1 << 20

#: children at work at the same time when many sites are asked
_AT_ONCE = 32


class TalkError(Exception):
    """No usable answer; the text is one line."""


class NotRunningError(TalkError):
    """Nobody listens: the site is not running."""


class EndedError(TalkError):
    """The site ended, or its master did, before it had answered."""

    def __init__(self) -> None:
        super().__init__("ended while it was asked")


@dataclass(frozen=True)
class Question:
    """One request to one site, asked as the site's user."""

    site: str
    path: str
    uid: int
    gid: int
    request: dict[str, Any]


def ask(path: str, request: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Send one request and wait for its answer, as who we are.

    :param timeout: seconds for all of it
    :raises NotRunningError: nobody listens there
    :raises TalkError: no answer in time, or none that makes sense
    """
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunningError("is not running") from None
        except OSError as error:
            raise TalkError(f"cannot be asked: {error.strerror or error}") from None
        try:
            sock.sendall(json.dumps(request).encode() + b"\n")
            line = _read_line(sock, deadline)
        except TimeoutError:
            raise TalkError(f"gave no answer within {timeout:g} seconds") from None
        except OSError as error:
            raise EndedError from error
    return parse_answer(line)


def _read_line(sock: socket.socket, deadline: float) -> bytes:
    data = bytearray()
    while b"\n" not in data:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock.settimeout(left)
        chunk = sock.recv(65536)
        if not chunk:
            raise EndedError
        data += chunk
        if len(data) > MAX_ANSWER:
            raise TalkError("gave an answer without end")
    return bytes(data[: data.index(b"\n")])


def parse_answer(line: bytes) -> dict[str, Any]:
    """Decode an answer and clean every text in it.

    :raises TalkError: it is no JSON object
    """
    try:
        answer = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise TalkError("gave an answer that is no JSON object")
    cleaned: dict[str, Any] = _clean(answer)
    return cleaned


def plain(text: str) -> str:
    """Take away what a terminal would obey; line breaks stay."""
    return "".join(
        char if char == "\n" or (char.isprintable() and char != "\x7f") else " " for char in text
    )


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {plain(str(key)): _clean(item) for key, item in value.items()}
    return value


def ask_all(
    questions: Iterable[Question], timeout: float, at_once: int = _AT_ONCE
) -> dict[str, dict[str, Any] | TalkError]:
    """Ask many sites at once, each as its own user; an answer or the reason for none by site.

    :param timeout: seconds for each
    :param at_once: how many are asked at the same time
    """
    waiting = list(questions)
    answers: dict[str, dict[str, Any] | TalkError] = {}
    for first in range(0, len(waiting), at_once):
        children = [_Child(question, timeout) for question in waiting[first : first + at_once]]
        for child in children:
            answers[child.question.site] = child.answer()
    return answers


def ask_as(question: Question, timeout: float) -> dict[str, Any]:
    """Ask one site as its own user; raises as ``ask`` does."""
    answer = ask_all([question], timeout)[question.site]
    if isinstance(answer, TalkError):
        raise answer
    return answer


class _Child:
    """A forked process that becomes the site's user, asks, and writes the answer to a pipe."""

    def __init__(self, question: Question, timeout: float) -> None:
        self.question = question
        # a little more than the child takes itself: it says why better than we can
        self.deadline = time.monotonic() + timeout + 1
        self.pipe, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(self.pipe)
                _become(question.uid, question.gid)
                os.write(writer, _answer_in_child(question, timeout))
                status = 0
            finally:
                os._exit(status)
        os.close(writer)

    def answer(self) -> dict[str, Any] | TalkError:
        try:
            data = self._read()
        finally:
            os.close(self.pipe)
            os.kill(self.pid, signal.SIGKILL)  # ours and not yet reaped, so the number is right
            os.waitpid(self.pid, 0)
        kind, _, body = data.partition(b"\n")
        if kind == b"down":
            return NotRunningError("is not running")
        if kind == b"ended":
            return EndedError()
        if kind == b"error":
            return TalkError(plain(body.decode("utf-8", "replace")))
        if kind != b"answer":
            return TalkError("gave no answer in time")
        try:
            return parse_answer(body)
        except TalkError as error:
            return error

    def _read(self) -> bytes:
        data = bytearray()
        poll = select.poll()
        poll.register(self.pipe, select.POLLIN)
        while len(data) <= MAX_ANSWER:
            left = self.deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000):
                return b""
            chunk = os.read(self.pipe, 65536)
            if not chunk:
                return bytes(data)
            data += chunk
        return b""


def _answer_in_child(question: Question, timeout: float) -> bytes:
    try:
        answer = ask(question.path, question.request, timeout)
    except NotRunningError:
        return b"down\n"
    except EndedError:
        return b"ended\n"
    except TalkError as error:
        return b"error\n" + str(error).encode()
    # Compact, cleaned and bounded: a pipe takes 64 KiB at once and our reader drains it.
    return b"answer\n" + json.dumps(answer).encode()


def _become(uid: int, gid: int) -> None:
    """Turn this child into the site's user; every call must succeed."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
