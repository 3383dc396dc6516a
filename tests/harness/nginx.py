"""A real nginx in front of a server, on a Unix socket of its own, in its own directory.

Rules: one process in the foreground, so that killing it leaves nothing; ready when it says so on
standard error, after its sockets are bound.
"""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.harness.environments import debian_program
from tests.harness.server import DEADLINE, ServerFailed

CONFIGURATION = """
daemon off;
master_process off;
pid {directory}/pid;
error_log stderr notice;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/f;
    uwsgi_temp_path {directory}/u;
    scgi_temp_path {directory}/s;
    client_max_body_size 64m;
    upstream app {{
        server unix:{upstream} fail_timeout=0;
        {keepalive}
    }}
    server {{
        listen unix:{directory}/front;
        location / {{
            proxy_pass http://app;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For 192.0.2.7;
            proxy_set_header X-Forwarded-Proto https;
            {persistence}
        }}
        location /stream {{
            proxy_pass http://app;
            proxy_buffering off;
            {persistence}
        }}
        location /digest {{
            proxy_pass http://app;
            proxy_request_buffering off;
            proxy_set_header X-Forwarded-For 192.0.2.7;
            {persistence}
        }}
    }}
}}
"""

PERSISTENCE = 'proxy_http_version 1.1; proxy_set_header Connection "";'


class UnixConnection(http.client.HTTPConnection):
    """Python's client over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=DEADLINE)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(DEADLINE)
        self.sock.connect(self.path)


class Nginx:
    """Forwards to the Unix socket ``upstream``; ``address`` is the path of its own.

    With ``keepalive`` it speaks HTTP/1.1 to the server and keeps that many connections, otherwise
    HTTP/1.0 with a connection for each request, as it does when it is told nothing.
    """

    def __init__(self, upstream: str, keepalive: int = 0) -> None:
        self.program = debian_program("nginx", "usr/sbin/nginx")
        self.upstream = upstream
        self.keepalive = keepalive

    def __enter__(self) -> Nginx:
        self.directory = Path(tempfile.mkdtemp(prefix="gunicorn-nginx-"))
        self.address = str(self.directory / "front")
        configuration = CONFIGURATION.format(
            directory=self.directory,
            upstream=self.upstream,
            keepalive=f"keepalive {self.keepalive};" if self.keepalive else "",
            persistence=PERSISTENCE if self.keepalive else "",
        )
        path = self.directory / "nginx.conf"
        path.write_text(configuration)
        self._process = subprocess.Popen(
            [self.program, "-c", path, "-p", self.directory, "-e", "stderr"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        said = ""
        # "OS: ..." is its last word before it serves
        for line in self._process.stderr:
            said += line
            if " OS: " in line:
                return self
        self._process.wait()
        raise ServerFailed(f"nginx did not start:\n{said}")

    def connect(self) -> UnixConnection:
        return UnixConnection(self.address)

    def __exit__(self, *exc_info: object) -> None:
        self._process.terminate()
        _, said = self._process.communicate(timeout=DEADLINE)
        shutil.rmtree(self.directory)
        problems = [line for line in said.splitlines() if "[error]" in line or "[crit]" in line]
        assert not problems, problems
