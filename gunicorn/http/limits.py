"""The Policy: every setting that changes how a request is read, resolved once per worker.

A policy is frozen, and all a connection asks of the configuration. It neither reads nor validates
settings files; values it clamps are those the manual says behave as another value.
"""

from __future__ import annotations

from gunicorn.http.proxy import Trust
from gunicorn.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    HeaderMap = Literal["drop", "refuse", "dangerous"]

#: The manual: "a number from 0 (unlimited) to 8190"; more behaves as 8190.
MAX_LINE = 8190
MAX_FIELDS = 32768
#: What "unlimited" means for one line: still no way to make a worker swallow all memory.
UNLIMITED_LINE = 1 << 20


def _line_limit(value: int) -> int:
    return min(value, MAX_LINE) if value > 0 else UNLIMITED_LINE


def environ_key(name: str) -> str:
    """Return the environ key of a field name (PEP 3333, CGI's rule): ``HTTP_`` + NAME."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def _environ_keys(headers: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((environ_key(name), value) for name, value in headers.items())


_LOOPBACK = Trust(["127.0.0.1", "::1"])


class Policy(NamedTuple):
    """How requests of one worker are judged. Sizes in bytes; no limit is ever absent.

    ``Policy()`` has the defaults of the manual; workers use :meth:`from_config`.
    """

    #: request line without CRLF (414)
    limit_line: int = 4094
    #: number of fields in a head, and in a trailer section (431)
    limit_fields: int = 100
    #: one field line with its CRLF, continuation lines included (431)
    limit_field_size: int = MAX_LINE
    permit_obsolete_folding: bool = False
    strip_header_spaces: bool = False
    permit_unconventional_http_method: bool = False
    permit_unconventional_http_version: bool = False
    casefold_http_method: bool = False
    #: upper-case names with underscores that a believed forwarder may send
    forwarder_headers: frozenset[str] = frozenset({"SCRIPT_NAME", "PATH_INFO"})
    #: what happens to all other names with underscores
    header_map: HeaderMap = "drop"
    #: peers whose forwarding headers are believed
    forwarders: Trust = _LOOPBACK
    #: (environ key, exact value): fields by which a forwarder says "this came over TLS"
    scheme_headers: tuple[tuple[str, str], ...] = (
        ("HTTP_X_FORWARDED_PROTOCOL", "ssl"),
        ("HTTP_X_FORWARDED_PROTO", "https"),
        ("HTTP_X_FORWARDED_SSL", "on"),
    )
    #: environ key of the field that holds the client's address; "" to leave REMOTE_ADDR alone
    forwarded_for: str = "HTTP_X_FORWARDED_FOR"
    proxy_protocol: bool = False
    #: peers that may send a PROXY line
    proxies: Trust = _LOOPBACK
    is_ssl: bool = False
    #: SCRIPT_NAME of the process environment; a forwarder's header overrides it
    script_name: str = ""
    #: the whole configuration, for ``req.cfg``; nothing here reads it
    cfg: Any = None

    @classmethod
    def from_config(cls, cfg: Any, script_name: str = "") -> Policy:
        """Resolve the settings of ``cfg`` once; ``script_name`` is ``$SCRIPT_NAME`` of the process.

        Raises ValueError when a list of addresses cannot be understood.
        """
        forwarded_for = cfg.x_forwarded_for_header
        return cls(
            limit_line=_line_limit(cfg.limit_request_line),
            limit_fields=min(cfg.limit_request_fields or MAX_FIELDS, MAX_FIELDS),
            limit_field_size=_line_limit(cfg.limit_request_field_size),
            permit_obsolete_folding=cfg.permit_obsolete_folding,
            strip_header_spaces=cfg.strip_header_spaces,
            permit_unconventional_http_method=cfg.permit_unconventional_http_method,
            permit_unconventional_http_version=cfg.permit_unconventional_http_version,
            casefold_http_method=cfg.casefold_http_method,
            forwarder_headers=frozenset(name.upper() for name in cfg.forwarder_headers),
            header_map=cfg.header_map,
            forwarders=Trust(cfg.forwarded_allow_ips),
            scheme_headers=_environ_keys(cfg.secure_scheme_headers),
            forwarded_for=environ_key(forwarded_for) if forwarded_for else "",
            proxy_protocol=cfg.proxy_protocol,
            proxies=Trust(cfg.proxy_allow_ips),
            is_ssl=bool(cfg.is_ssl),
            script_name=script_name,
            cfg=cfg,
        )
