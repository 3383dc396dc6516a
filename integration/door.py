"""A door from a machine to the package archive: an HTTP proxy between two network namespaces.

A machine has a network of its own, in which its ports are nobody else's. To install from the
archive it needs one way out: this proxy listens on the machine's loopback and connects from here.
apt in the machine is told of it; nothing else can be reached through it than the host of our own
apt sources.
"""

from __future__ import annotations

import ctypes
import http.client
import http.server
import os
import select
import shutil
import socket
import threading
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from integration import bases

if TYPE_CHECKING:
    from integration.machine import Machine

CLONE_NEWNET = 0x40000000
PORT = 3142
CONFIGURATION = "".join(
    f'Acquire::{scheme}::Proxy "http://127.0.0.1:{PORT}";\n' for scheme in ("http", "https")
)


class Door:
    """Open while the with-block lasts; tells the machine's apt."""

    def __init__(self, machine: Machine):
        self.machine = machine
        self.server = http.server.ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False)
        self.server.daemon_threads = True

    def __enter__(self) -> Door:
        self.server.socket.close()
        self.server.socket = _listen_in(Path(f"/proc/{self.machine.leader}/ns/net"))
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.machine.write("/etc/apt/apt.conf.d/00door", CONFIGURATION)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.machine.run("rm -f /etc/apt/apt.conf.d/00door")


class Handler(http.server.BaseHTTPRequestHandler):
    """What apt needs: GET of an absolute address, CONNECT for archives by https."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        if not self._allowed(address.hostname):
            return
        upstream = http.client.HTTPConnection(
            address.hostname or "", address.port or 80, timeout=60
        )
        try:
            kept = {
                k: v
                for k, v in self.headers.items()
                if k.lower() not in ("connection", "proxy-connection")
            }
            upstream.request("GET", urllib.parse.urlunsplit(("", "", *address[2:])), headers=kept)
            answer = upstream.getresponse()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in ("connection", "transfer-encoding", "keep-alive"):
                    self.send_header(name, value)
            if answer.getheader("Content-Length") is None and answer.status not in (204, 304):
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            shutil.copyfileobj(answer, self.wfile, 65536)
        except OSError:
            self.close_connection = True
        finally:
            upstream.close()

    def do_CONNECT(self) -> None:
        host, _, port = self.path.rpartition(":")
        if not self._allowed(host):
            return
        with socket.create_connection((host, int(port)), timeout=60) as upstream:
            self.send_response_only(200, "Connection established")
            self.end_headers()
            ends = {self.connection: upstream, upstream: self.connection}
            while True:
                ready = select.select(list(ends), [], [], 60)[0]
                chunks = [(ends[sock], sock.recv(65536)) for sock in ready]
                if not chunks or not all(data for _, data in chunks):
                    break
                for target, data in chunks:
                    target.sendall(data)
        self.close_connection = True

    def _allowed(self, host: str | None) -> bool:
        if host == urllib.parse.urlsplit(bases.mirror()).hostname:
            return True
        self.send_error(403, "not the archive of this machine's apt sources")
        return False

    def log_message(self, format: str, *args: object) -> None:
        pass


def _listen_in(namespace: Path) -> socket.socket:
    """Return a listening socket of another network namespace, where a thread goes for it."""
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def go() -> None:
        try:
            with namespace.open() as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            made.append(socket.create_server(("127.0.0.1", PORT)))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
