"""What a row of the tables is, and the settings of the servers the rows are played against.

A row is one sample of bytes with the clause that decides about it, the status it must get, and what
must become of the connection.  Rows are data: the tables are in ``rows_*``, the play in
``test_requests``.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.harness import Server
from tests.harness.fleet import Fleet


class Fate(enum.Enum):
    """What the server does with the connection after its response."""

    KEEP = "keep-alive"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Profile:
    """Settings of one server: the text of a config file, and additions to its environment."""

    name: str
    config: str = ""
    env: tuple[tuple[str, str], ...] = ()
    listeners: tuple[str, ...] = ("tcp", "unix", "tls")
    #: errors of the server that belong to the rows of this profile
    expect_errors: bool | tuple[str, ...] = False

    def serve(self, fleet: Fleet, bind: str, app: str) -> Server:
        config = f"keepalive = 60\n{self.config}"
        return fleet.server(
            app, bind=bind, env=self.env, config=config, expect_errors=self.expect_errors
        )


DEFAULT = Profile("default")
#: loopback is no trusted forwarder here; a Unix peer always is, so it has no place here
STRANGER = Profile("stranger", "forwarded_allow_ips = '192.0.2.1'", listeners=("tcp", "tls"))

Status = int | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One row; ``data`` is everything the client sends."""

    id: str
    clause: str
    data: bytes
    status: Status = 200
    fate: Fate = Fate.KEEP
    #: environ keys the application must have seen with exactly these values
    environ: Mapping[str, object] = field(default_factory=dict)
    #: environ keys the application must not have seen
    absent: tuple[str, ...] = ()
    #: the body the application must have read; None when that is not the point
    body: bytes | None = None
    profile: Profile = DEFAULT

    @property
    def is_first_only(self) -> bool:
        """Whether these bytes mean what they mean only at the beginning of a connection."""
        return self.data.startswith(b"PROXY ")

    @property
    def statuses(self) -> tuple[int, ...]:
        return (self.status,) if isinstance(self.status, int) else self.status


def message(line: str, *fields: str, body: bytes = b"") -> bytes:
    """Join a request of a request line, field lines and a body."""
    return "\r\n".join((line, *fields, "", "")).encode("latin-1") + body


def get(*fields: str, target: str = "/") -> bytes:
    return message(f"GET {target} HTTP/1.1", "Host: a", *fields)


def post(body: bytes, *fields: str) -> bytes:
    """Build a POST whose framing is in ``fields``."""
    return message("POST / HTTP/1.1", "Host: a", *fields, body=body)


def chunked(body: bytes, *fields: str) -> bytes:
    """Build a chunked POST of ``body``, given as it is on the wire."""
    return post(body, "Transfer-Encoding: chunked", *fields)


def accept(id: str, clause: str, data: bytes, fate: Fate = Fate.KEEP, **seen: object) -> Case:
    """Build a row that is served; ``seen`` are the optional columns of ``Case``."""
    return Case(id, clause, data, 200, fate, **seen)  # type: ignore[arg-type]


def refuse(id: str, clause: str, data: bytes, status: Status = 400, **more: object) -> Case:
    """Build a row that is refused; what is refused is never read on, so the connection closes."""
    return Case(id, clause, data, status, Fate.CLOSE, **more)  # type: ignore[arg-type]
