"""A request as hooks and applications' helpers see it.

Below this file everything is bytes; from here on text is native strings holding latin-1 (PEP 3333,
"Unicode issues"). A Request knows what was asked and nothing of how it will be answered.
"""

from __future__ import annotations

from gunicorn.http import body as body_module
from gunicorn.http.head import FieldBlock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Request:
    """One request head, and the way to its body.

    Not slotted, on purpose: hooks hang things of their own on a request between ``pre_request`` and
    ``post_request``. What few requests need is a class attribute until it is needed; what each
    needs is not, for CPython 3.11 is ten times slower to find what instance and class both have.

    ``Request(cfg, unreader, req_number)`` is the documented constructor: it takes the next request
    out of ``unreader``, an object with ``next_request() -> Request | None`` such as the parser's.
    The server itself makes requests in ``connection``, without that call.
    """

    method: str
    #: the target as received
    uri: str
    #: path of the target, still percent-encoded
    path: str
    query: str
    fragment: str
    #: (1, 0) or (1, 1)
    version: tuple[int, int]
    fields: FieldBlock
    cfg: Any
    #: 1 for the first request of its connection
    req_number: int
    #: None, or what the PROXY line said (see proxy.parse_proxy_line)
    proxy_protocol_info: dict[str, str | int] | None = None
    #: wsgi.input; whoever gathers the body puts a Body here, bodyless requests share one
    body: body_module.Body
    #: length of the body in bytes, framing.CHUNKED when only its end will tell
    content_length: int = 0
    #: trailer fields of a chunked body, once it has been read: (UPPER-NAME, value)
    trailers: list[tuple[str, str]] | tuple[()] = ()
    #: the client wants ``100 Continue`` before it sends the body
    expect_continue: bool = False
    unreader: Any = None
    _headers: list[tuple[str, str]] | None

    def __init__(self, cfg: Any, unreader: Any, req_number: int = 1) -> None:
        request = unreader.next_request()
        if request is None:
            raise StopIteration
        self.__dict__.update(request.__dict__)
        self.cfg = cfg
        self.unreader = unreader
        self.req_number = req_number

    @property
    def headers(self) -> list[tuple[str, str]]:
        """(UPPER-NAME, value) in the order received, made when first asked for.

        A hook may change the list; ``environ.build`` heeds it.
        """
        if self._headers is None:
            self._headers = self.fields.pairs()
        return self._headers

    @headers.setter
    def headers(self, headers: list[tuple[str, str]]) -> None:
        self._headers = headers

    @property
    def limit_request_line(self) -> int:
        return int(self.cfg.limit_request_line)

    @property
    def limit_request_fields(self) -> int:
        return int(self.cfg.limit_request_fields)

    @property
    def limit_request_field_size(self) -> int:
        return int(self.cfg.limit_request_field_size)

    def should_close(self) -> bool:
        """Whether the client's side of the rules ends the connection after this request."""
        return not self.fields.persistent
