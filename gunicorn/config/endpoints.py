"""Where datagrams about the server go: the addresses of syslog and of StatsD, parsed.

Pure text work, shared by the validators and by those who send. Whether somebody listens there is
found out by sending.
"""

from __future__ import annotations

from gunicorn import util

TYPE_CHECKING = False
if TYPE_CHECKING:
    #: ("udp" | "tcp", (host, port)), or ("unix" | "dgram" | "stream", path): "unix" tries both
    Endpoint = tuple[str, tuple[str, int] | str]

SYSLOG_PORT = 514
STATSD_PORT = 8125

#: the facilities of RFC 5424 section 6.2.1 by the names that syslog.conf uses
FACILITIES = {
    "kern": 0,
    "user": 1,
    "mail": 2,
    "daemon": 3,
    "auth": 4,
    "security": 4,
    "syslog": 5,
    "lpr": 6,
    "news": 7,
    "uucp": 8,
    "cron": 9,
    "authpriv": 10,
    "ftp": 11,
    **{f"local{number}": 16 + number for number in range(8)},
}


def parse_syslog(text: str) -> Endpoint:
    """``udp://HOST[:PORT]``, ``tcp://HOST[:PORT]`` or ``unix://PATH[#dgram|#stream]``.

    The port is 514 and the host ``localhost`` where none is given. Raises ValueError.
    """
    scheme, found, rest = text.strip().partition("://")
    if not found or scheme not in ("udp", "tcp", "unix"):
        raise ValueError("invalid syslog address")
    if scheme != "unix":
        return scheme, _internet(rest, SYSLOG_PORT)
    path, _, kind = rest.partition("#")
    if not path or kind not in ("", "dgram", "stream"):
        raise ValueError("invalid syslog address")
    return kind or "unix", path


def parse_statsd(text: str) -> Endpoint:
    """``HOST[:PORT]`` (8125), ``udp://HOST[:PORT]`` or ``unix://PATH``. Raises ValueError."""
    text = text.strip()
    if text.startswith("unix:"):
        path = str(util.parse_address(text))
        return "dgram", path
    return "udp", _internet(text.removeprefix("udp://"), STATSD_PORT)


def _internet(text: str, default_port: int) -> tuple[str, int]:
    if not text or text.startswith(":"):
        text = f"localhost{text}"
    found = util.parse_address(text, default_port)
    if not isinstance(found, tuple):
        raise ValueError(f"{text!r} is no host and port")
    return found


def validate_syslog_address(value: object) -> str:
    """A text that :func:`parse_syslog` takes."""
    text = _text(value)
    parse_syslog(text)
    return text


def validate_statsd_address(value: object) -> str | None:
    """A text that :func:`parse_statsd` takes; None or an empty text for none."""
    if value is None or value == "":
        return None
    text = _text(value)
    parse_statsd(text)
    return text


def validate_facility(value: object) -> str:
    """The name of a syslog facility, in any case."""
    name = _text(value).lower()
    if name not in FACILITIES:
        raise ValueError("unknown facility name")
    return name


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"Not a string: {value}")
    return value.strip()
