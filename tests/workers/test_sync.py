from __future__ import annotations

from tests.workers.running import Running, read_response


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_hello_end_to_end():
    with Running(hello) as server:
        answer = server.get()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nhello")


def test_connection_is_kept_for_further_requests():
    with Running(hello) as server, server.connect() as client:
        for _ in range(3):
            client.sendall(GET)
            head, body = read_response(client)
            assert b"Connection: keep-alive" in head
            assert body == b"hello"
