"""The environ of PEP 3333: pure functions from facts to a dict.

    base_environ(...)            once per connection: everything that no request changes
    build(base, request, policy) once per request

What follows from the fields alone is remembered in their FieldBlock, so that a kept-alive
connection that repeats its fields costs one ``dict.copy`` and five stores a request.

All text is native strings holding latin-1. Nothing here writes to the client, reads the process
environment or asks a socket anything.
"""

from __future__ import annotations

import sys

from gunicorn import SERVER_SOFTWARE
from gunicorn.http import errors, grammar
from gunicorn.http.limits import Policy, environ_key
from gunicorn.http.message import Request
from gunicorn.http.proxy import Peer
from gunicorn.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Environ = dict[str, Any]

#: What REMOTE_ADDR and REMOTE_PORT say of a peer on a Unix socket.
_UNIX_ADDR = "127.0.0.1"
_UNIX_PORT = "80"
#: Marks the base environ of a Unix listener; never seen by an application.
_UNIX = "gunicorn.unix"


class Listener(NamedTuple):
    """Where a connection was accepted; for a Unix listener ``name`` is its path."""

    name: str
    port: str
    unix: bool

    @classmethod
    def from_sockname(cls, sockname: object) -> Listener:
        """Return the facts for what ``getsockname()`` gave."""
        if isinstance(sockname, tuple) and len(sockname) >= 2:
            host = str(sockname[0])
            # RFC 3875, 4.1.14: an IPv6 address stands in brackets in SERVER_NAME
            return cls(f"[{host}]" if ":" in host else host, str(sockname[1]), False)
        path = sockname.decode("latin-1") if isinstance(sockname, bytes) else str(sockname)
        return cls(path.replace("\0", "@"), "", True)


def base_environ(
    policy: Policy,
    listener: Listener,
    peer: Peer,
    sock: Any = None,
    *,
    multithread: bool = False,
    multiprocess: bool = False,
    errors: Any = None,
    file_wrapper: Any = None,
) -> Environ:
    """Return the environ entries that hold for every request of one connection.

    ``sock`` becomes ``gunicorn.socket``; ``errors`` is ``wsgi.errors`` (default: sys.stderr);
    ``file_wrapper`` defaults to ``wsgi.FileWrapper`` when called through ``wsgi.base_environ``.
    """
    scheme = "https" if policy.is_ssl else "http"
    environ = {
        "SCRIPT_NAME": policy.script_name,
        "SERVER_NAME": listener.name,
        "SERVER_PORT": listener.port or _default_port(scheme),
        "SERVER_SOFTWARE": SERVER_SOFTWARE,
        "REMOTE_ADDR": _UNIX_ADDR if peer.unix else peer.addr,
        "REMOTE_PORT": _UNIX_PORT if peer.unix else peer.port,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.errors": sys.stderr if errors is None else errors,
        "wsgi.multithread": multithread,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "gunicorn.socket": sock,
    }
    if file_wrapper is not None:
        environ["wsgi.file_wrapper"] = file_wrapper
    if listener.unix:
        # taken out again by _template, which looks at the Host of the request
        environ[_UNIX] = True
    return environ


def base_environ_of(listener: Environ, peer: Peer, sock: Any) -> Environ:
    """Return :func:`base_environ` of another connection to the same ``listener``: a copy of one."""
    environ = listener.copy()
    environ["REMOTE_ADDR"] = _UNIX_ADDR if peer.unix else peer.addr
    environ["REMOTE_PORT"] = _UNIX_PORT if peer.unix else peer.port
    environ["wsgi.errors"] = sys.stderr
    environ["gunicorn.socket"] = sock
    return environ


def build(base: Environ, request: Request, policy: Policy) -> Environ:
    """Return the environ of ``request``; ``wsgi.input`` is ``request.body`` as it is now.

    Call after ``pre_request``: what a hook changed in method, uri, path, query or headers counts.
    Raises ScriptNameMismatch (500) when the path is not under SCRIPT_NAME.
    """
    fields = request.fields
    if request._headers is not None and request._headers != fields.pairs():
        environ = _template(base, request, policy, _fields_of(request._headers))
    else:
        known_base, version, template = fields.template
        if known_base is not base or version != request.version:
            template = _template(base, request, policy, fields.environ)
            fields.template = base, request.version, template
        environ = template.copy()
    path = request.path
    environ["REQUEST_METHOD"] = request.method
    environ["RAW_URI"] = request.uri
    environ["QUERY_STRING"] = request.query
    environ["PATH_INFO"] = _unquote(path) if "%" in path else path if path != "*" else ""
    environ["wsgi.input"] = request.body
    if environ["SCRIPT_NAME"]:
        _cut_script_name(environ, path)
    return environ


def _cut_script_name(environ: Environ, path: str) -> None:
    """Move the SCRIPT_NAME prefix out of PATH_INFO; whole segments only."""
    script_name = environ["SCRIPT_NAME"].rstrip("/")
    info = environ["PATH_INFO"]
    environ["SCRIPT_NAME"] = script_name
    if not info or not script_name:
        return
    if info != script_name and not info.startswith(script_name + "/"):
        raise errors.ScriptNameMismatch(path, script_name)
    environ["PATH_INFO"] = info[len(script_name) :]


def _template(base: Environ, request: Request, policy: Policy, fields: dict[str, str]) -> Environ:
    """Return ``base`` with all that follows from the fields, the version and the PROXY line."""
    environ = base | fields
    block = request.fields
    environ["SERVER_PROTOCOL"] = f"HTTP/{request.version[0]}.{request.version[1]}"
    if block.is_secure:
        environ["wsgi.url_scheme"] = "https"
    if block.trusted:
        for name, value in block.aside:
            if name == "SCRIPT_NAME" and name in policy.forwarder_headers:
                environ["SCRIPT_NAME"] = value
        if policy.forwarded_for and (forwarded := fields.get(policy.forwarded_for)):
            _set_remote(environ, forwarded)
    if environ.pop(_UNIX, False):
        _set_server(environ, fields.get("HTTP_HOST", ""), base)
    info = request.proxy_protocol_info
    if info is not None:
        # last, so that it beats what a field says
        environ["PROXY_PROTOCOL"] = info["proxy_protocol"]
        environ["PROXY_ADDR"] = info["proxy_addr"]
        environ["PROXY_PORT"] = str(info["proxy_port"])
        environ["REMOTE_ADDR"] = info["client_addr"]
        environ["REMOTE_PORT"] = str(info["client_port"])
    return environ


def _set_remote(environ: Environ, forwarded: str) -> None:
    """Believe the last address of a forwarded-for field: ``A``, ``A:P``, ``V6`` or ``[V6]:P``."""
    last = forwarded.rpartition(",")[2].strip(" \t")
    addr, port = last, ""
    if last.startswith("["):
        addr, _, rest = last[1:].partition("]")
        port = rest.removeprefix(":")
    elif last.count(":") == 1:
        addr, _, port = last.partition(":")
    if addr:
        environ["REMOTE_ADDR"] = addr
        environ["REMOTE_PORT"] = port if port.isascii() and port.isdigit() else "80"


def _set_server(environ: Environ, host: str, base: Environ) -> None:
    """Let Host name the server of a Unix listener, which has no name a client could know."""
    scheme = environ["wsgi.url_scheme"]
    match = grammar.match_host(host)
    if match and match[1]:
        environ["SERVER_NAME"] = match[1]
    environ["SERVER_PORT"] = (match and match[2]) or _default_port(scheme)


def _default_port(scheme: str) -> str:
    return "443" if scheme == "https" else "80"


def _fields_of(headers: list[tuple[str, str]]) -> dict[str, str]:
    """Return environ entries for a header list that a hook has changed."""
    fields: dict[str, str] = {}
    for name, value in headers:
        key = environ_key(name)
        glue = "; " if key == "HTTP_COOKIE" else ","
        fields[key] = f"{fields[key]}{glue}{value}" if key in fields else value
    return fields


def _unquote(path: str) -> str:
    """Return ``path`` with its %XX decoded, each byte a latin-1 character (PEP 3333)."""
    from urllib.parse import unquote_to_bytes  # not every application has such paths

    return unquote_to_bytes(path).decode("latin-1")
