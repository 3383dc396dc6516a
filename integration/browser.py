"""A browser as far as these tests need one: cookies, forms with hidden fields, file uploads.

Requests are made by the standard library, in a process of their own inside the machine's network
namespace: one process per browser, fed with pickled calls, so that cookies and the connection live
as long as the browser does.
"""

from __future__ import annotations

import http.client
import http.cookies
import pickle
import re
import subprocess
import sys
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

if TYPE_CHECKING:
    from integration.machine import Machine


class Page(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def hidden(self, name: str) -> str:
        """The value of a hidden field of the page's form."""
        field = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', self.text)
        assert field, f"no field {name} in {self.text[:500]}"
        return field[1]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Browser:
    """One visitor of one site, through the proxy on port 80 of the machine; a context manager."""

    def __init__(self, machine: Machine, host: str):
        self.host = host
        self.cookies: dict[str, str] = {}
        self._process = subprocess.Popen(
            [
                "nsenter",
                "-t",
                str(machine.leader),
                "-n",
                sys.executable,
                "-I",
                str(Path(__file__).resolve()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def get(self, path: str) -> Page:
        return self.request("GET", path)

    def post(
        self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> Page:
        form = {"Content-Type": "application/x-www-form-urlencoded"} | (headers or {})
        return self.request("POST", path, urlencode(fields).encode(), form)

    def upload(
        self,
        path: str,
        fields: dict[str, str],
        name: str,
        data: bytes,
        headers: dict[str, str] | None = None,
    ) -> Page:
        """Send a multipart form with one file, field `file`."""
        edge = uuid.uuid4().hex
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{fields[key]}\r\n'
            for key in fields
        ]
        parts.append(
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = "".join(parts).encode() + data + f"\r\n--{edge}--\r\n".encode()
        return self.request(
            "POST",
            path,
            body,
            {"Content-Type": f"multipart/form-data; boundary={edge}"} | (headers or {}),
        )

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Page:
        sent = {"Host": self.host} | (headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        assert self._process.stdin is not None and self._process.stdout is not None
        pickle.dump((method, path, body, sent), self._process.stdin)
        self._process.stdin.flush()
        page = Page(*pickle.load(self._process.stdout))
        for key, value in page.headers:
            if key.lower() == "set-cookie":
                for name, morsel in http.cookies.SimpleCookie(value).items():
                    self.cookies[name] = morsel.value
        return page


def serve_calls(calls: IO[bytes], answers: IO[bytes]) -> None:
    """Make the requests that come as pickles, on one kept-alive connection."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=60)
    while True:
        try:
            method, path, body, headers = pickle.load(calls)
        except EOFError:
            return
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        pickle.dump((answer.status, answer.getheaders(), answer.read()), answers)
        answers.flush()


if __name__ == "__main__":
    serve_calls(sys.stdin.buffer, sys.stdout.buffer)
