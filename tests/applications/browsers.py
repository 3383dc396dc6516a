"""Clients that people use, behind one small interface: curl, requests, and Python's urllib.

Each keeps cookies and follows redirects; none of them knows anything of the server.
"""

from __future__ import annotations

import http.cookiejar
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.server import DEADLINE

#: field -> (file name, contents)
Files = Mapping[str, tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Page:
    status: int
    path: str
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Curl:
    """The command, a new process and connection for each request."""

    def __init__(self, base: str, directory: Path, *options: str) -> None:
        self.base = base
        self.directory = directory
        self.options = options

    def _run(self, path: str, *words: str) -> Page:
        out = self.directory / "out"
        out.write_bytes(b"")
        done = subprocess.run(
            [
                *[
                    "curl",
                    "--silent",
                    "--show-error",
                    "--location",
                    "--max-time",
                    f"{DEADLINE:.0f}",
                ],
                *["--cookie", str(self.directory / "jar"), "--cookie-jar", self.directory / "jar"],
                *["--output", out, "--write-out", "%{http_code} %{url_effective}"],
                *["--referer", self.base, *self.options, *words, self.base + path],
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        status, _, url = done.stdout.partition(" ")
        return Page(int(status), urllib.parse.urlsplit(url).path, out.read_bytes())

    def get(self, path: str) -> Page:
        return self._run(path)

    def post(self, path: str, fields: Mapping[str, str], files: Files | None = None) -> Page:
        words = []
        for name, value in fields.items():
            words += ["--form-string" if files else "--data-urlencode", f"{name}={value}"]
        for name, (file_name, data) in (files or {}).items():
            (self.directory / file_name).write_bytes(data)
            words += ["--form", f"{name}=@{self.directory / file_name}"]
        return self._run(path, *words)


class Requests:
    """The library, with its pool of kept-alive connections."""

    def __init__(self, base: str, directory: Path) -> None:
        import requests

        self.base = base
        self.session = requests.Session()
        self.session.headers["Referer"] = base

    def _page(self, response: Any) -> Page:
        return Page(
            response.status_code, urllib.parse.urlsplit(response.url).path, response.content
        )

    def get(self, path: str) -> Page:
        return self._page(self.session.get(self.base + path, timeout=DEADLINE))

    def post(self, path: str, fields: Mapping[str, str], files: Files | None = None) -> Page:
        url = self.base + path
        return self._page(self.session.post(url, data=fields, files=files, timeout=DEADLINE))


class Urllib:
    """Python's own; it asks for Connection: close."""

    def __init__(self, base: str, directory: Path) -> None:
        self.base = base
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(jar)
        self.opener.addheaders.append(("Referer", base))

    def _open(self, path: str, data: bytes | None, kind: str = "") -> Page:
        request = urllib.request.Request(self.base + path, data)
        if kind:
            request.add_header("Content-Type", kind)
        try:
            answer = self.opener.open(request, timeout=DEADLINE)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return Page(answer.status, urllib.parse.urlsplit(answer.url).path, answer.read())

    def get(self, path: str) -> Page:
        return self._open(path, None)

    def post(self, path: str, fields: Mapping[str, str], files: Files | None = None) -> Page:
        if not files:
            return self._open(path, urllib.parse.urlencode(fields).encode())
        boundary = uuid.uuid4().hex
        parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
        parts += [(f'name="{name}"; filename="{at}"', data) for name, (at, data) in files.items()]
        body = b"".join(
            f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode()
            + data
            + b"\r\n"
            for head, data in parts
        )
        kind = f"multipart/form-data; boundary={boundary}"
        return self._open(path, body + f"--{boundary}--\r\n".encode(), kind)


BROWSERS = {"curl": Curl, "requests": Requests, "urllib": Urllib}
