"""TLS: the handshake and encrypted answers occupy the worker as little as plain ones."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import struct

import pytest

from gunicorn import tls
from gunicorn.config import Config
from gunicorn.errors import ConfigError
from tests.harness.server import CERTIFICATE, KEY
from tests.workers.running import Running, read_all, read_response
from tests.workers.test_sync import GET, SMALL, Impatient, echo, expected, hello

FILES = {"certfile": str(CERTIFICATE), "keyfile": str(KEY)}


def client_context(**attributes) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(CERTIFICATE))
    context.check_hostname = False
    for name, value in attributes.items():
        setattr(context, name, value)
    return context


def config(**settings) -> Config:
    cfg = Config()
    for name, value in {**FILES, **settings}.items():
        cfg.set(name, value)
    return cfg


def test_requests_over_tls():
    with Running(echo, **FILES) as server, server.connect(tls=client_context()) as client:
        for data in (b"", b"x" * 200_000):
            client.sendall(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(data) + data
            )
            assert read_response(client)[1] == expected(data)


def test_environ_says_https():
    def scheme(environ, start_response):
        body = environ["wsgi.url_scheme"].encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    with Running(scheme, **FILES) as server:
        assert server.get(tls=client_context()).endswith(b"https")


def test_unfinished_handshakes_keep_nobody_waiting():
    with Running(hello, **FILES) as server:
        for _ in range(20):
            server.connect()
        half = server.connect()
        half.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert server.get(tls=client_context()).endswith(b"hello")


def test_handshake_has_a_deadline():
    class Hurried(Impatient):
        SHAKE_SECONDS = 0.1

    with Running(hello, worker=Hurried, **FILES) as server, server.connect() as client:
        assert read_all(client) == b""


def test_plain_http_on_a_tls_port_costs_only_its_connection():
    with Running(hello, **FILES) as server:
        with server.connect() as client:
            client.sendall(GET)
            # An alert, or just the end.
            with contextlib.suppress(ConnectionResetError):
                assert b"HTTP/" not in read_all(client)
        assert server.get(tls=client_context()).endswith(b"hello")


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01"])
def test_connection_that_is_reset_before_it_is_accepted_costs_nothing(sent):
    with Running(hello, **FILES) as server:
        os.kill(server.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, server.pid, os.WSTOPPED | os.WNOWAIT)
        with server.connect() as client:
            client.sendall(sent)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.kill(server.pid, signal.SIGCONT)
        assert server.get(tls=client_context()).endswith(b"hello")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_large_answer_is_drained_by_the_reactor(version):
    size = 8 * 1024 * 1024

    def big(environ, start_response):
        if environ["PATH_INFO"] == "/small":
            return hello(environ, start_response)
        start_response("200 OK", [("Content-Length", str(size))])
        return [bytes(range(256)) * 256] * (size // 65536)

    context = client_context(maximum_version=version)
    with Running(big, keepalive=60, **FILES) as server:
        slow = server.connect(tls=context, **SMALL)
        slow.sendall(GET)
        assert server.get("/small", tls=context).endswith(b"hello")
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        body = read_response(slow)[1]
        assert body == bytes(range(256)) * (size // 256)
        slow.sendall(GET.replace(b"/ ", b"/small "))
        assert read_response(slow)[1] == b"hello"


def test_end_is_announced_so_that_truncation_shows():
    context = client_context()
    with Running(hello, **FILES) as server, server.connect(tls=context) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        while client.recv(65536):  # raises SSLEOFError without close_notify
            pass


def test_file_wrapper_is_encrypted(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"secret" * 50_000)

    def file(environ, start_response):
        start_response("200 OK", [("Content-Length", str(path.stat().st_size))])
        return environ["wsgi.file_wrapper"](path.open("rb"))

    with Running(file, **FILES) as server, server.connect(tls=client_context()) as client:
        client.sendall(GET)
        assert read_response(client)[1] == path.read_bytes()


def test_client_certificate_can_be_required():
    settings = {**FILES, "ca_certs": str(CERTIFICATE), "cert_reqs": 2}
    with Running(hello, **settings) as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            client = server.connect(tls=client_context())
            client.sendall(GET)
            # TLS 1.3: refused after the client has finished its side
            assert client.recv(1)
        context = client_context()
        context.load_cert_chain(CERTIFICATE, KEY)
        assert server.get(tls=context).endswith(b"hello")


def test_hook_makes_the_context():
    def hook(cfg, default):
        context = default()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    assert tls.server_context(config(ssl_context=hook)).minimum_version is ssl.TLSVersion.TLSv1_3


def test_ciphers_are_set():
    names = {
        cipher["name"]
        for cipher in tls.server_context(
            config(ciphers="ECDHE-RSA-AES256-GCM-SHA384")
        ).get_ciphers()
        if cipher["protocol"] == "TLSv1.2"
    }
    assert names == {"ECDHE-RSA-AES256-GCM-SHA384"}


@pytest.mark.parametrize(
    "settings",
    [
        {"certfile": "/nonexistent"},
        {"ca_certs": "/nonexistent"},
        {"ciphers": "no-such-cipher"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_cannot_be_used_is_named(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ConfigError, match=f"cannot use .*{name} .*{value}"):
        tls.server_context(config(**settings))
