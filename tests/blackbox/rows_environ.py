"""Rows about environ: whom to believe, forwarding fields, SCRIPT_NAME, PROXY line, fixed keys."""

from __future__ import annotations

from tests.blackbox.case import STRANGER, Case, Fate, Profile, accept, get, message, refuse

PREFIX = Profile("prefix", "", (("SCRIPT_NAME", "/app"),), expect_errors=True)
NETWORK = Profile("network", "forwarded_allow_ips = '10.0.0.0/8,127.0.0.0/8'", listeners=("tcp",))
EVERYONE = Profile("everyone", "forwarded_allow_ips = '*'", listeners=("tcp",))
NO_FORWARDED_FOR = Profile("no-forwarded-for", "x_forwarded_for_header = ''", listeners=("tcp",))
OTHER_FORWARDED_FOR = Profile(
    "other-forwarded-for", "x_forwarded_for_header = 'x-real-ip'", listeners=("tcp",)
)
OTHER_SCHEME = Profile(
    "other-scheme", "secure_scheme_headers = {'X-Front-End': 'tls'}", listeners=("tcp",)
)
TWO_WORKERS = Profile("two-workers", "workers = 2", listeners=("tcp",))
#: PROXY and TLS together depend on which comes first; the manual speaks of neither
PROXY = Profile("proxy", "proxy_protocol = True", listeners=("tcp", "unix"))
PROXY_STRANGER = Profile(
    "proxy-stranger", "proxy_protocol = True\nproxy_allow_ips = '192.0.2.1'", listeners=("tcp",)
)
PROXY_EVERYONE = Profile(
    "proxy-everyone", "proxy_protocol = True\nproxy_allow_ips = '*'", listeners=("tcp",)
)
PROXY_NETWORK = Profile(
    "proxy-network", "proxy_protocol = True\nproxy_allow_ips = '127.0.0.0/8'", listeners=("tcp",)
)
FRONT_ONLY = Profile("plain", listeners=("tcp", "unix"))

FIXED = [
    accept(
        "constants",
        "PEP 3333",
        get(),
        environ={
            "wsgi.version": [1, 0],
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SCRIPT_NAME": "",
            "REQUEST_METHOD": "GET",
        },
    ),
    accept(
        "multiprocess", "PEP 3333", get(), environ={"wsgi.multiprocess": True}, profile=TWO_WORKERS
    ),
    accept(
        "protocol-1.0",
        "PEP 3333",
        message("GET / HTTP/1.0"),
        Fate.CLOSE,
        environ={"SERVER_PROTOCOL": "HTTP/1.0"},
        absent=("HTTP_HOST",),
    ),
    accept(
        "content-type",
        "PEP 3333",
        get("Content-Type: text/plain; charset=x"),
        environ={"CONTENT_TYPE": "text/plain; charset=x"},
        absent=("HTTP_CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_CONTENT_LENGTH"),
    ),
    accept(
        "ordinary-fields",
        "PEP 3333",
        get("User-Agent: a/1", "Accept: */*", "X-Some-Thing: y"),
        environ={
            "HTTP_USER_AGENT": "a/1",
            "HTTP_ACCEPT": "*/*",
            "HTTP_X_SOME_THING": "y",
            "HTTP_HOST": "a",
        },
    ),
]

FORWARDED = [
    *[
        accept(
            f"scheme-by-{name}",
            "reference 4.8",
            get(f"{name}: {value}"),
            environ={"wsgi.url_scheme": "https"},
        )
        for name, value in (
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Protocol", "ssl"),
            ("X-Forwarded-Ssl", "on"),
        )
    ],
    accept(
        "scheme-not-equal",
        "reference 4.8",
        get("X-Forwarded-Proto: http"),
        environ={"wsgi.url_scheme": "http"},
        profile=FRONT_ONLY,
    ),
    accept(
        "scheme-agreeing",
        "reference 4.8",
        get("X-Forwarded-Proto: https", "X-Forwarded-Ssl: on"),
        environ={"wsgi.url_scheme": "https"},
    ),
    refuse("scheme-contradiction", "B#43", get("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off")),
    refuse(
        "scheme-contradiction-reversed",
        "B#43",
        get("X-Forwarded-Proto: http", "X-Forwarded-Ssl: on"),
    ),
    accept(
        "scheme-from-stranger",
        "reference 4.8",
        get("X-Forwarded-Proto: https"),
        environ={"HTTP_X_FORWARDED_PROTO": "https", "wsgi.url_scheme": "http"},
        profile=Profile("stranger", STRANGER.config, listeners=("tcp",)),
    ),
    accept(
        "contradiction-from-stranger",
        "reference 4.8: ignored for interpretation",
        get("X-Forwarded-Proto: https", "X-Forwarded-Ssl: off"),
        profile=STRANGER,
    ),
    accept(
        "scheme-other-header",
        "setting secure_scheme_headers",
        get("X-Front-End: tls"),
        environ={"wsgi.url_scheme": "https"},
        profile=OTHER_SCHEME,
    ),
    accept(
        "scheme-header-not-set",
        "setting secure_scheme_headers",
        get("X-Forwarded-Proto: https"),
        environ={"wsgi.url_scheme": "http"},
        profile=OTHER_SCHEME,
    ),
    *[
        accept(
            f"client-{name}",
            "reference 4.8",
            get(f"X-Forwarded-For: {text}"),
            environ={"REMOTE_ADDR": address, "REMOTE_PORT": port, "HTTP_X_FORWARDED_FOR": text},
        )
        for name, text, address, port in (
            ("one", "5.6.7.8", "5.6.7.8", "80"),
            ("last-of-two", "1.2.3.4, 5.6.7.8", "5.6.7.8", "80"),
            ("last-without-blank", "1.2.3.4,5.6.7.8", "5.6.7.8", "80"),
            ("with-port", "5.6.7.8:1234", "5.6.7.8", "1234"),
            ("v6", "2001:db8::1", "2001:db8::1", "80"),
            ("v6-with-port", "[2001:db8::1]:99", "2001:db8::1", "99"),
        )
    ],
    accept(
        "client-from-stranger",
        "reference 4.8",
        get("X-Forwarded-For: 5.6.7.8"),
        environ={"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "5.6.7.8"},
        profile=STRANGER,
    ),
    accept(
        "client-network",
        "setting forwarded_allow_ips",
        get("X-Forwarded-For: 5.6.7.8"),
        environ={"REMOTE_ADDR": "5.6.7.8"},
        profile=NETWORK,
    ),
    accept(
        "client-everyone",
        "setting forwarded_allow_ips",
        get("X-Forwarded-For: 5.6.7.8"),
        environ={"REMOTE_ADDR": "5.6.7.8"},
        profile=EVERYONE,
    ),
    accept(
        "client-switched-off",
        "setting x_forwarded_for_header",
        get("X-Forwarded-For: 5.6.7.8"),
        environ={"REMOTE_ADDR": "127.0.0.1"},
        profile=NO_FORWARDED_FOR,
    ),
    accept(
        "client-other-header-any-case",
        "setting x_forwarded_for_header, reference 4.8",
        get("X-Real-IP: 5.6.7.8", "X-Forwarded-For: 1.2.3.4"),
        environ={"REMOTE_ADDR": "5.6.7.8"},
        profile=OTHER_FORWARDED_FOR,
    ),
]

SCRIPT_NAME = [
    accept(
        "header",
        "reference 4.9, setting forwarder_headers",
        get("SCRIPT_NAME: /app", target="/app/x"),
        environ={"SCRIPT_NAME": "/app", "PATH_INFO": "/x"},
    ),
    accept(
        "header-whole-path",
        "PEP 3333: PATH_INFO may be empty",
        get("SCRIPT_NAME: /app", target="/app"),
        environ={"SCRIPT_NAME": "/app", "PATH_INFO": ""},
    ),
    accept(
        "header-from-stranger",
        "B#41",
        get("SCRIPT_NAME: /app", target="/app/x"),
        environ={"SCRIPT_NAME": "", "PATH_INFO": "/app/x"},
        absent=("HTTP_SCRIPT_NAME",),
        profile=STRANGER,
    ),
    accept(
        "hyphen-is-another-name",
        "reference 4.9",
        get("Script-Name: /app", target="/app/x"),
        environ={"SCRIPT_NAME": "", "PATH_INFO": "/app/x"},
    ),
    accept(
        "variable",
        "reference 1.5",
        get(target="/app/x?y"),
        environ={
            "SCRIPT_NAME": "/app",
            "PATH_INFO": "/x",
            "QUERY_STRING": "y",
            "RAW_URI": "/app/x?y",
        },
        profile=PREFIX,
    ),
    accept(
        "variable-whole-path",
        "reference 1.5",
        get(target="/app"),
        environ={"SCRIPT_NAME": "/app", "PATH_INFO": ""},
        profile=PREFIX,
    ),
    refuse("path-outside", "B#42: a clear 500", get(target="/other"), 500, profile=PREFIX),
    refuse(
        "path-with-longer-name", "B#42: whole segments", get(target="/apple"), 500, profile=PREFIX
    ),
    refuse("path-holds-it-later", "B#42: a prefix", get(target="/x/app/y"), 500, profile=PREFIX),
]


def proxied(line: str, request: bytes = get()) -> bytes:
    return line.encode("latin-1") + b"\r\n" + request


LINE4 = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443"
SEEN4: dict[str, object] = {
    "PROXY_PROTOCOL": "TCP4",
    "PROXY_ADDR": "192.168.0.11",
    "PROXY_PORT": "443",
    "REMOTE_ADDR": "192.168.0.1",
    "REMOTE_PORT": "56324",
}


def bad_proxy(id: str, line: str) -> Case:
    return refuse(id, "reference 4.7, B#21", proxied(line), profile=PROXY)


PROXY_LINE = [
    accept("tcp4", "reference 4.7, pp1", proxied(LINE4), environ=SEEN4, profile=PROXY),
    accept(
        "tcp6",
        "reference 4.7",
        proxied("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535"),
        environ={
            "PROXY_PROTOCOL": "TCP6",
            "REMOTE_ADDR": "2001:db8::1",
            "REMOTE_PORT": "1",
            "PROXY_ADDR": "2001:db8::2",
            "PROXY_PORT": "65535",
        },
        profile=PROXY,
    ),
    accept(
        "beats-forwarded-for",
        "reference 4.7",
        proxied(LINE4, get("X-Forwarded-For: 5.6.7.8")),
        environ=SEEN4,
        profile=PROXY,
    ),
    accept(
        "optional", "reference 4.7", get(), absent=("PROXY_PROTOCOL", "PROXY_ADDR"), profile=PROXY
    ),
    accept("everyone", "B#21", proxied(LINE4), environ=SEEN4, profile=PROXY_EVERYONE),
    accept("network", "B#21", proxied(LINE4), environ=SEEN4, profile=PROXY_NETWORK),
    refuse("stranger", "reference 4.7", proxied(LINE4), 403, profile=PROXY_STRANGER),
    accept("stranger-without", "reference 4.7", get(), profile=PROXY_STRANGER),
    refuse("not-switched-on", "reference 4.7", proxied(LINE4)),
    bad_proxy("truncated", "PROXY TCP4 192.168.0.1 192.16"),
    bad_proxy("five-fields", "PROXY TCP4 192.168.0.1 192.168.0.11 56324"),
    bad_proxy("seven-fields", f"{LINE4} 1"),
    bad_proxy("two-blanks", LINE4.replace("TCP4 ", "TCP4  ")),
    bad_proxy("tab", LINE4.replace("TCP4 ", "TCP4\t")),
    bad_proxy("blank-at-end", f"{LINE4} "),
    bad_proxy("family", LINE4.replace("TCP4", "UDP4")),
    bad_proxy("family-lower-case", LINE4.replace("TCP4", "tcp4")),
    bad_proxy("v6-address-in-tcp4", LINE4.replace("192.168.0.1 ", "::1 ")),
    bad_proxy("v4-address-in-tcp6", LINE4.replace("TCP4", "TCP6")),
    bad_proxy("name-as-address", LINE4.replace("192.168.0.1 ", "localhost ")),
    bad_proxy("short-address", LINE4.replace("192.168.0.1 ", "192.168.1 ")),
    bad_proxy("port-not-a-number", LINE4.replace("56324", "65iii")),
    bad_proxy("port-too-high", LINE4.replace("56324", "100000")),
    bad_proxy("port-negative", LINE4.replace("56324", "-1")),
    bad_proxy("port-signed", LINE4.replace("56324", "+1")),
    bad_proxy("port-not-ascii", LINE4.replace("56324", "5\xb2")),
    bad_proxy("too-long", f"PROXY TCP6 {'1' * 120} 2001:db8::2 1 2"),
    refuse("bare-lf", "B#21", LINE4.encode() + b"\n" + get(), profile=PROXY),
    refuse("second-line", "reference 4.7", proxied(LINE4, proxied(LINE4)), profile=PROXY),
]

ROWS = {
    "fixed": FIXED,
    "forwarded": FORWARDED,
    "script-name": SCRIPT_NAME,
    "proxy-line": PROXY_LINE,
}
