"""Clients that keep a server busy while a test does something to it."""

from __future__ import annotations

import contextlib
import threading
import time

from tests.harness.client import BrokenResponse, NoResponse
from tests.harness.server import Server

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Load:
    """Clients that ask without a pause and remember every answer and every failure.

    Half of them connect anew for each request, the others keep their connection as long as the
    server does. It may end before a request only where the response before has said so, unless
    ``may_retry``: a kept connection may be closed just when the next request is on its way, and RFC
    9112 9.3.1 lets the client try again on a new one, where there is no excuse. Connections that
    cannot move to a sibling end so: those of TLS, and those of a server that leaves.
    """

    def __init__(self, server: Server, clients: int = 3, may_retry: bool = False) -> None:
        self.answers: list[bytes] = []
        self.failures: list[str] = []
        #: the longest time that a request has taken, in seconds
        self.slowest = 0.0
        self._server = server
        self._may_retry = may_retry
        self._is_over = threading.Event()
        targets = [self._ask_anew, self._ask_on] * clients
        self._threads = [threading.Thread(target=target) for target in targets[:clients]]

    def ask(self) -> None:
        """Ask once, on a new connection."""
        begun = time.monotonic()
        try:
            self._note(self._server.get().body, begun)
        except (BrokenResponse, NoResponse, OSError) as error:
            self.failures.append(repr(error))

    def _note(self, answer: bytes, begun: float) -> None:
        self.answers.append(answer)
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def _ask_anew(self) -> None:
        while not self._is_over.is_set():
            self.ask()

    def _ask_on(self) -> None:
        while not self._is_over.is_set():
            with contextlib.ExitStack() as stack:
                try:
                    connection = stack.enter_context(self._server.connect())
                    is_excused, is_kept = False, True
                    while is_kept and not self._is_over.is_set():
                        begun = time.monotonic()
                        connection.send(REQUEST)
                        try:
                            response = connection.read_response()
                        except NoResponse:
                            if not is_excused:
                                raise
                            break
                        self._note(response.body, begun)
                        is_excused = self._may_retry
                        is_kept = response.get("Connection") == "keep-alive"
                except (BrokenResponse, NoResponse, OSError) as error:
                    self.failures.append(f"{error!r} on a kept connection")

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def wait_answers(self, count: int) -> None:
        """Wait for ``count`` answers in all, asking too: waiting is work as well."""
        while len(self.answers) < count and not self.failures:
            self.ask()
