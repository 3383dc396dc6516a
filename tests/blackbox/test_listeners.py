"""What environ says about the listener and the peer (reference 4.9, B#20), kind by kind."""

from __future__ import annotations

import pytest

from tests.blackbox.case import DEFAULT, get, message
from tests.harness import Server
from tests.harness.fleet import Fleet

ECHO = "tests.apps.basic:echo"


def seen(server: Server, *fields: str) -> dict[str, object]:
    result: dict[str, object] = server.request(
        message("GET / HTTP/1.1", *(fields or ("Host: a",)))
    ).json()
    return result


@pytest.mark.parametrize(("bind", "scheme"), [("tcp", "http"), ("tls", "https")])
def test_server_name_and_port_are_the_listeners(fleet: Fleet, bind: str, scheme: str) -> None:
    server = DEFAULT.serve(fleet, bind, ECHO)
    environ = seen(server, "Host: other.example:99")
    host, port = server.address
    assert environ["SERVER_NAME"] == host
    assert environ["SERVER_PORT"] == str(port)
    assert environ["HTTP_HOST"] == "other.example:99"
    assert environ["wsgi.url_scheme"] == scheme


@pytest.mark.parametrize("bind", ["tcp", "tls"])
def test_remote_is_the_peer(fleet: Fleet, bind: str) -> None:
    server = DEFAULT.serve(fleet, bind, ECHO)
    with server.connect() as connection:
        host, port = connection.sock.getsockname()
        for _ in range(2):
            connection.send(get())
            environ = connection.read_response().json()
            assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == (host, str(port))


def test_remote_of_a_unix_peer(fleet: Fleet) -> None:
    environ = seen(DEFAULT.serve(fleet, "unix", ECHO))
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("127.0.0.1", "80")


@pytest.mark.parametrize(
    ("fields", "name", "port"),
    [
        (("Host: shop.example",), "shop.example", "80"),
        (("Host: shop.example:8080",), "shop.example", "8080"),
        (("Host: shop.example", "X-Forwarded-Proto: https"), "shop.example", "443"),
    ],
)
def test_unix_listener_is_named_by_host(
    fleet: Fleet, fields: tuple[str, ...], name: str, port: str
) -> None:
    environ = seen(DEFAULT.serve(fleet, "unix", ECHO), *fields)
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == (name, port)


def test_unix_listener_named_by_host_with_v6_literal(fleet: Fleet) -> None:
    environ = seen(DEFAULT.serve(fleet, "unix", ECHO), "Host: [2001:db8::1]:8080")
    assert str(environ["SERVER_NAME"]).strip("[]") == "2001:db8::1"
    assert environ["SERVER_PORT"] == "8080"


def test_unix_listener_without_host_is_its_path(fleet: Fleet) -> None:
    server = DEFAULT.serve(fleet, "unix", ECHO)
    environ = server.request(message("GET / HTTP/1.0")).json()
    assert str(environ["SERVER_NAME"]).endswith("socket")
    assert environ["types"]["SERVER_PORT"] == "str"


def test_v6_listener(fleet: Fleet) -> None:
    server = DEFAULT.serve(fleet, "tcp6", ECHO)
    environ = seen(server)
    assert str(environ["SERVER_NAME"]).strip("[]") == "::1"
    assert environ["REMOTE_ADDR"] == "::1"
    assert environ["SERVER_PORT"] == str(server.address[1])


def test_types_are_those_of_pep_3333(fleet: Fleet, listener: str) -> None:
    """Every value under a name of CGI is a native string; the objects are there."""
    types = seen(DEFAULT.serve(fleet, listener, ECHO))["types"]
    assert isinstance(types, dict)
    for name, kind in types.items():
        if "." not in name:
            assert kind == "str", name
    assert types["wsgi.version"] == "tuple"
    assert types["wsgi.multithread"] == types["wsgi.multiprocess"] == "bool"
    assert "wsgi.input" in types
    assert "wsgi.errors" in types
    assert "wsgi.file_wrapper" in types
    assert types["gunicorn.socket"] == ("SSLSocket" if listener == "tls" else "socket")


def test_environ_is_new_for_each_request(fleet: Fleet, listener: str) -> None:
    """PEP 3333 lets the application change it: nothing may stay for the next request."""
    server = DEFAULT.serve(fleet, listener, "tests.apps.basic:scribble")
    with server.connect() as connection:
        for _ in range(3):
            connection.send(get())
            assert connection.read_response().body == b"clean"


def test_several_listeners_serve_alike() -> None:
    """Reference 2.6: every worker accepts on all of them."""
    flags = ("--bind", "unix:socket", "--bind", "[::1]:0")
    with Server(ECHO, *flags) as server:
        assert len(server.addresses) == 3
        for which in range(3):
            assert server.get("/x", which).json()["PATH_INFO"] == "/x"
