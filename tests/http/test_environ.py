"""The environ: where each key comes from (behaviour reference 4.8 and 4.9, PEP 3333)."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from gunicorn import SERVER_SOFTWARE
from gunicorn.http import body, environ, errors
from gunicorn.http.connection import Connection
from gunicorn.http.environ import Listener
from gunicorn.http.limits import Policy
from gunicorn.http.proxy import Peer
from tests.http.feeding import FORWARDER, POLICY, STRANGER, UNIX
from tests.http.test_requests import PROXY, get

TCP = Listener.from_sockname(("192.0.2.1", 8000))
TCP6 = Listener.from_sockname(("::1", 8000, 0, 0))
UNIX_LISTENER = Listener.from_sockname("/run/app.sock")


def seen(
    data: bytes, policy: Policy = POLICY, peer: Peer = STRANGER, listener: Listener = TCP
) -> dict[str, Any]:
    connection = Connection(policy, peer)
    connection.feed(data)
    request = connection.next_request()
    assert request is not None
    base = environ.base_environ(policy, listener, peer)
    return environ.build(base, request, policy)


def test_keys_of_a_plain_request() -> None:
    found = seen(
        get(
            *("User-Agent: x", "Accept: a", "Accept: b", "Content-Type: t/p", "Content-Length: 0"),
            *("Cookie: a=1", "Cookie: b=2", "Expect: 100-continue", "Connection: x"),
            line="POST /a%20b;c?d=%20 HTTP/1.1",
        )
    )
    assert found == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b;c",
        "QUERY_STRING": "d=%20",
        "RAW_URI": "/a%20b;c?d=%20",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "192.0.2.1",
        "SERVER_PORT": "8000",
        "SERVER_SOFTWARE": SERVER_SOFTWARE,
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "4711",
        "CONTENT_TYPE": "t/p",
        "CONTENT_LENGTH": "0",
        "HTTP_HOST": "a",
        "HTTP_USER_AGENT": "x",
        "HTTP_ACCEPT": "a,b",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_EXPECT": "100-continue",
        "HTTP_CONNECTION": "x",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body.EMPTY,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "gunicorn.socket": None,
    }


def row(clause: str, data: bytes, expected: dict[str, Any], **settings: Any) -> Any:
    where = {name: settings.pop(name) for name in ("peer", "listener") if name in settings}
    return pytest.param(data, expected, Policy(**settings), where, id=clause)


def remote(addr: str, port: str) -> dict[str, str]:
    return {"REMOTE_ADDR": addr, "REMOTE_PORT": port}


def server(name: str, port: str) -> dict[str, str]:
    return {"SERVER_NAME": name, "SERVER_PORT": port}


def forwarded_for(value: str, addr: str, port: str = "80") -> Any:
    return row(
        f"4.8 forwarded {value}",
        get(f"X-Forwarded-For: {value}"),
        remote(addr, port) | {"HTTP_X_FORWARDED_FOR": value},
        peer=FORWARDER,
    )


def scheme(expected: str, *fields: str, **settings: Any) -> Any:
    return row(f"4.8 {fields} {settings}", get(*fields), {"wsgi.url_scheme": expected}, **settings)


def path(uri: str, expected: str) -> Any:
    return row(f"PEP 3333 path {uri}", get(line=f"GET {uri} HTTP/1.1"), {"PATH_INFO": expected})


PROTO = "X-Forwarded-Proto: https"
INFO = b"PROXY TCP4 1.2.3.4 5.6.7.8 90 443\r\n"
DERIVATIONS = [
    path("/", "/"),
    path("//a", "//a"),
    path("/%2F%3f%25", "//?%"),
    path("/%C3%A9", "/\xc3\xa9"),
    path("/%ff%00", "/\xff\0"),
    path("/%zz%", "/%zz%"),
    path("http://a", "/"),
    row("RFC 3875 4.1.5 asterisk", get(line="OPTIONS * HTTP/1.1"),
        {"PATH_INFO": "", "RAW_URI": "*"}),
    row("CONNECT", get(line="CONNECT a:1 HTTP/1.1"), {"PATH_INFO": "", "RAW_URI": "a:1"}),
    row("1.0", b"GET / HTTP/1.0\r\n\r\n", {"SERVER_PROTOCOL": "HTTP/1.0"}),
    row("latin-1", get("X: \xe9"), {"HTTP_X": "\xe9"}),
    # where the server is (B#20)
    row("tcp ignores Host", get(), server("192.0.2.1", "8000")),
    row("tcp v6", get(), server("[::1]", "8000"), listener=TCP6),
    row("unix asks Host", get(), server("a", "80"), listener=UNIX_LISTENER, peer=UNIX),
    *[
        row(
            f"B#20 unix {host}",
            f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(),
            server(name, port),
            listener=UNIX_LISTENER,
            peer=UNIX,
        )
        for host, name, port in (
            ("a:8080", "a", "8080"),
            ("[::1]:80", "[::1]", "80"),
            ("[::1]", "[::1]", "80"),
            ("a:", "a", "80"),
            ("", "/run/app.sock", "80"),
        )
    ],
    row("unix without Host", b"GET / HTTP/1.0\r\n\r\n", server("/run/app.sock", "80"),
        listener=UNIX_LISTENER, peer=UNIX),
    row("unix https", get(PROTO), server("a", "443"), listener=UNIX_LISTENER, peer=UNIX),
    row("unix peer", get(), remote("127.0.0.1", "80"), listener=UNIX_LISTENER, peer=UNIX),
    # whom to believe
    forwarded_for("5.6.7.8", "5.6.7.8"),
    forwarded_for("1.2.3.4, 5.6.7.8", "5.6.7.8"),
    forwarded_for("1.2.3.4,5.6.7.8", "5.6.7.8"),
    forwarded_for("5.6.7.8:99", "5.6.7.8", "99"),
    forwarded_for("5.6.7.8:x", "5.6.7.8"),
    forwarded_for("2001:db8::1", "2001:db8::1"),
    forwarded_for("[2001:db8::1]", "2001:db8::1"),
    forwarded_for("[2001:db8::1]:99", "2001:db8::1", "99"),
    row("empty forwarded", get("X-Forwarded-For:"), remote("127.0.0.1", "4711"), peer=FORWARDER),
    row("empty element", get("X-Forwarded-For: 1.2.3.4, "), remote("127.0.0.1", "4711"),
        peer=FORWARDER),
    row("repeated", get("X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 5.6.7.8"),
        remote("5.6.7.8", "80"), peer=FORWARDER),
    row("stranger", get("X-Forwarded-For: 5.6.7.8"),
        remote("192.0.2.7", "4711") | {"HTTP_X_FORWARDED_FOR": "5.6.7.8"}),
    row("switched off", get("X-Forwarded-For: 5.6.7.8"), remote("127.0.0.1", "4711"),
        peer=FORWARDER, forwarded_for=""),
    scheme("http"),
    scheme("http", PROTO),
    scheme("https", PROTO, peer=FORWARDER),
    scheme("https", PROTO, peer=UNIX),
    scheme("https", PROTO, "X-Forwarded-Ssl: on", peer=FORWARDER),
    scheme("https", PROTO, PROTO, peer=FORWARDER),
    scheme("http", "X-Forwarded-Proto: HTTPS", peer=FORWARDER),
    scheme("http", "X-Forwarded-Proto: https,http", peer=FORWARDER),
    scheme("http", "X-Forwarded-Proto: http", "X-Forwarded-Ssl: off", peer=FORWARDER),
    scheme("http", PROTO, "X-Forwarded-Ssl: off"),
    scheme("https", is_ssl=True),
    scheme("https", "X-Forwarded-Proto: http", is_ssl=True, peer=FORWARDER),
    # SCRIPT_NAME (B#41, B#42)
    row("header", get("SCRIPT_NAME: /app", line="GET /app/x HTTP/1.1"),
        {"SCRIPT_NAME": "/app", "PATH_INFO": "/x"}, peer=FORWARDER),
    row("header beats variable", get("SCRIPT_NAME: /app", line="GET /app/x HTTP/1.1"),
        {"SCRIPT_NAME": "/app", "PATH_INFO": "/x"}, peer=FORWARDER, script_name="/other"),
    row("header of a stranger", get("SCRIPT_NAME: /app", line="GET /app/x HTTP/1.1"),
        {"SCRIPT_NAME": "", "PATH_INFO": "/app/x"}),
    row("hyphen", get("Script-Name: /app", line="GET /app/x HTTP/1.1"),
        {"SCRIPT_NAME": "", "HTTP_SCRIPT_NAME": "/app"}, peer=FORWARDER),
    row("dangerous map is no trust", get("SCRIPT_NAME: /app", line="GET /app/x HTTP/1.1"),
        {"SCRIPT_NAME": "", "HTTP_SCRIPT_NAME": "/app"}, header_map="dangerous"),
    row("variable", get(line="GET /app/x?y HTTP/1.1"),
        {"SCRIPT_NAME": "/app", "PATH_INFO": "/x", "RAW_URI": "/app/x?y"}, script_name="/app"),
    row("variable with slash", get(line="GET /app/x HTTP/1.1"),
        {"SCRIPT_NAME": "/app", "PATH_INFO": "/x"}, script_name="/app/"),
    row("variable is a slash", get(line="GET /app HTTP/1.1"),
        {"SCRIPT_NAME": "", "PATH_INFO": "/app"}, script_name="/"),
    row("whole path", get(line="GET /app HTTP/1.1"),
        {"SCRIPT_NAME": "/app", "PATH_INFO": ""}, script_name="/app"),
    row("decoded before compared", get(line="GET /%61pp/x HTTP/1.1"),
        {"SCRIPT_NAME": "/app", "PATH_INFO": "/x"}, script_name="/app"),
    row("twice in the path", get(line="GET /a/a/b HTTP/1.1"),
        {"SCRIPT_NAME": "/a", "PATH_INFO": "/a/b"}, script_name="/a"),
    row("asterisk", get(line="OPTIONS * HTTP/1.1"),
        {"SCRIPT_NAME": "/app", "PATH_INFO": ""}, script_name="/app"),
    # PROXY line, applied last
    row("proxy", INFO + get("X-Forwarded-For: 9.9.9.9"),
        remote("1.2.3.4", "90")
        | {"PROXY_PROTOCOL": "TCP4", "PROXY_ADDR": "5.6.7.8", "PROXY_PORT": "443"},
        peer=FORWARDER, proxy_protocol=True),
]  # fmt: skip


@pytest.mark.parametrize(("data", "expected", "policy", "where"), DERIVATIONS)
def test_key_is_derived(
    data: bytes, expected: dict[str, Any], policy: Policy, where: dict[str, Any]
) -> None:
    found = seen(data, policy, **where)
    assert {key: found.get(key) for key in expected} == expected
    assert "gunicorn.unix" not in found
    assert all(type(key) is str for key in found)


@pytest.mark.parametrize("uri", ["/other", "/apple", "/x/app/y", "/", "/App"])
def test_path_outside_script_name_is_a_clear_500(uri: str) -> None:
    with pytest.raises(errors.ScriptNameMismatch, match="'/app'") as caught:
        seen(get(line=f"GET {uri} HTTP/1.1"), Policy(script_name="/app"))
    assert caught.value.status == 500
    assert caught.value.message == ""


def test_repeated_fields_are_not_parsed_again_but_never_shared() -> None:
    connection = Connection(POLICY, STRANGER)
    base = environ.base_environ(POLICY, TCP, STRANGER)
    made = []
    for uri in ("/a", "/b?c"):
        connection.feed(get("X: y", line=f"GET {uri} HTTP/1.1"))
        request = connection.next_request()
        assert request is not None
        made.append((request, environ.build(base, request, POLICY)))
    (first, one), (second, two) = made
    assert first.fields is second.fields
    assert (one["RAW_URI"], two["RAW_URI"]) == ("/a", "/b?c")
    one["HTTP_X"] = "changed"
    first.headers.append(("Y", "z"))
    assert two["HTTP_X"] == "y"
    assert second.headers == [("HOST", "a"), ("X", "y")]
    assert "HTTP_X" not in base


@pytest.mark.parametrize("other", [get("X: z"), get(), get("X: y", "Z: 1"), get("X: y", "X: y")])
def test_other_fields_are_parsed_anew(other: bytes) -> None:
    connection = Connection(POLICY, STRANGER)
    base = environ.base_environ(POLICY, TCP, STRANGER)
    for data in (get("X: y"), other, get("X: y")):
        connection.feed(data)
        request = connection.next_request()
        assert request is not None
        fresh = seen(data)
        assert environ.build(base, request, POLICY) == fresh


def test_same_fields_with_another_version_are_judged_anew() -> None:
    connection = Connection(POLICY, STRANGER)
    fields = b"\r\nConnection: keep-alive\r\n\r\n"
    connection.feed(b"GET / HTTP/1.0" + fields)
    assert connection.next_request() is not None
    connection.feed(b"GET / HTTP/1.1" + fields)
    with pytest.raises(errors.InvalidHeader, match="HOST"):
        connection.next_request()


def test_proxy_info_holds_for_the_whole_connection() -> None:
    connection = Connection(PROXY, FORWARDER)
    base = environ.base_environ(PROXY, TCP, FORWARDER)
    connection.feed(INFO + get() + get("X: y"))
    for _ in range(2):
        request = connection.next_request()
        assert request is not None
        assert environ.build(base, request, PROXY)["REMOTE_ADDR"] == "1.2.3.4"


def test_hook_may_change_request_before_environ_is_built() -> None:
    connection = Connection(POLICY, STRANGER)
    connection.feed(get("X: y"))
    request = connection.next_request()
    assert request is not None
    request.headers.append(("X-REQUEST-ID", "7"))
    request.path = "/changed"
    found = environ.build(environ.base_environ(POLICY, TCP, STRANGER), request, POLICY)
    assert (found["HTTP_X_REQUEST_ID"], found["PATH_INFO"]) == ("7", "/changed")


def test_facts_of_sockets() -> None:
    assert Listener.from_sockname(b"\0abstract") == ("@abstract", "", True)
    assert Listener.from_sockname("") == ("", "", True)
    assert Peer.from_address("") == Peer.from_address(b"") == Peer("", "", True)
    assert Peer.from_address(("::1", 5, 0, 0)) == ("::1", "5", False)
