"""HTTP/1.x without I/O: bytes in, requests out; requests and iterables in, bytes out.

The seam to the workers, in the order of one request (signatures in the modules):

    limits.Policy.from_config(cfg, script_name=os.environ.get("SCRIPT_NAME", ""))  once per worker
    proxy.Peer.from_address(address), environ.Listener.from_sockname(name)         plain facts
    environ.base_environ(policy, listener, peer, sock, multithread=, multiprocess=, errors=,
                         file_wrapper=wsgi.FileWrapper)                      once per connection
    connection.Connection(policy, peer, base)      feed(data), next_request() -> Request | None,
        take_body(limit) -> bytes, body_done, eof(), wants_continue() / continue_sent(), closing
    request.body = body.Body(reader)               when the request has a body (reader.read(n))
    environ.build(base, request, policy)           after pre_request; may raise a ProtocolError
    wsgi.Response(request, sink, cfg).run(application, environ); .should_close(); .shortfall
    errors.ProtocolError: .status, .reason, .message -> response.error_page(...)

A sink is described in ``wsgi``; ``environ["wsgi.early_hints"] = response.early_hints`` is the
caller's to add. A Connection between requests, or gathering a body, may be pickled and carried on
in another process, which gives it its own base environ. After any ProtocolError it is over.

``Request`` and ``RequestParser`` are the documented public names, loaded when first asked for.
This package uses no socket and no ``os``, and knows nothing of workers or settings files.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gunicorn.http.message import Request
    from gunicorn.http.parser import RequestParser

__all__ = ["Request", "RequestParser"]


def __getattr__(name: str) -> Any:
    # Importing one module of the package must not cost the import of all others.
    if name in __all__:
        from gunicorn.http import message, parser

        return {"Request": message.Request, "RequestParser": parser.RequestParser}[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
