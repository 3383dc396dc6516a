"""Clients that keep a server busy while a test does something to it."""

from __future__ import annotations

import contextlib
import threading

from tests.harness.client import BrokenResponse, NoResponse
from tests.harness.server import Server

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Load:
    """Clients that ask without a pause and remember every answer and every failure."""

    def __init__(self, server: Server, clients: int = 3) -> None:
        self.answers: list[bytes] = []
        self.failures: list[str] = []
        self._server = server
        self._is_over = threading.Event()
        targets = [self._ask_anew, self._ask_on] * clients
        self._threads = [threading.Thread(target=target) for target in targets[:clients]]

    def ask(self) -> None:
        """Ask once, on a new connection."""
        try:
            self.answers.append(self._server.get().body)
        except (BrokenResponse, NoResponse, OSError) as error:
            self.failures.append(repr(error))

    def _ask_anew(self) -> None:
        while not self._is_over.is_set():
            self.ask()

    def _ask_on(self) -> None:
        """Keep a connection as long as the server does.

        A kept connection may be closed just when the next request is on its way: RFC 9112 9.3.1
        lets the client try again on a new one, where there is no excuse.
        """
        while not self._is_over.is_set():
            with contextlib.ExitStack() as stack:
                try:
                    connection = stack.enter_context(self._server.connect())
                    is_first, is_kept = True, True
                    while is_kept and not self._is_over.is_set():
                        connection.send(REQUEST)
                        try:
                            response = connection.read_response()
                        except NoResponse:
                            if is_first:
                                raise
                            break
                        self.answers.append(response.body)
                        is_first, is_kept = False, response.get("Connection") == "keep-alive"
                except (BrokenResponse, NoResponse, OSError) as error:
                    self.failures.append(repr(error))

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
