"""Who speaks to us, whom to believe, and the PROXY protocol's one line (version 1).

Pure: addresses come in as text, answers go out as text.
"""

from __future__ import annotations

from collections.abc import Iterable

from gunicorn.http import errors
from gunicorn.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ipaddress

    _Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: The longest PROXY line, CRLF included (PROXY protocol, 2.1).
PROXY_LINE_MAX = 107

#: The default list: known at a glance, without loading what parses addresses.
_LOOPBACK = ("127.0.0.1", "::1")
#: Verdicts remembered per Trust; as many peers as talk to a worker at the same time, roughly.
_REMEMBERED = 1024


class Peer(NamedTuple):
    """The other end of an accepted connection; a Unix peer has an empty ``addr``."""

    addr: str
    port: str
    unix: bool

    @classmethod
    def from_address(cls, address: object) -> Peer:
        """Return the peer for what ``accept()`` gave: a tuple for TCP, else a Unix name."""
        if type(address) is tuple and len(address) >= 2:
            return cls(address[0], str(address[1]), False)
        return cls("", "", True)


class Trust:
    """A list of addresses and networks that are believed; ``*`` believes everyone.

    A Unix peer (empty address) is always believed: the file's mode has let it in.
    Raises ValueError for an element that is neither address, network nor ``*``.
    """

    __slots__ = ("_everyone", "_given", "_networks", "_verdicts")

    def __init__(self, texts: Iterable[str]) -> None:
        self._given = [text.strip() for text in texts]
        #: parsed when they are first asked for
        self._networks: list[_Network] | None = None
        self._verdicts = self._first_verdicts()
        self._everyone = "*" in self._given
        if not set(self._given) <= {"*", *_LOOPBACK}:
            self._networks = self._parse()

    def _first_verdicts(self) -> dict[str, bool]:
        return {"": True} | {text: True for text in _LOOPBACK if text in self._given}

    def _parse(self) -> list[_Network]:
        import ipaddress  # most servers stand behind a proxy on the same machine

        return [ipaddress.ip_network(text, strict=False) for text in self._given if text != "*"]

    def believes(self, addr: str) -> bool:
        """Whether the peer at ``addr`` (no port; ``""`` for Unix) is in the list."""
        verdict = self._verdicts.get(addr)
        if verdict is None:
            verdict = self._everyone or self._contains(addr)
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts = self._first_verdicts()
            self._verdicts[addr] = verdict
        return verdict

    def _contains(self, text: str) -> bool:
        import ipaddress

        if self._networks is None:
            self._networks = self._parse()
        try:
            addr = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        if isinstance(addr, ipaddress.IPv6Address) and addr.ipv4_mapped is not None:
            # A dual-stack listener shows IPv4 peers in this form; the list names them plainly.
            addr = addr.ipv4_mapped
        return any(addr in network for network in self._networks)


def _port(text: str, line: str) -> int:
    # int() would take signs, blanks, underscores and other alphabets' digits
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise errors.InvalidProxyLine(line, "invalid port")
    return int(text)


def parse_proxy_line(line: str) -> dict[str, str | int]:
    """Parse ``PROXY TCP4|TCP6 SOURCE DESTINATION SPORT DPORT`` (without CRLF).

    Returns ``req.proxy_protocol_info``: proxy_protocol, client_addr, client_port, proxy_addr,
    proxy_port. Raises InvalidProxyLine for anything else, ``PROXY UNKNOWN`` included.
    """
    import ipaddress

    parts = line.split(" ")
    if len(parts) != 6 or parts[0] != "PROXY":
        raise errors.InvalidProxyLine(line)
    _, family, source, destination, source_port, destination_port = parts
    parse: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address]
    if family == "TCP4":
        parse = ipaddress.IPv4Address
    elif family == "TCP6":
        parse = ipaddress.IPv6Address
    else:
        raise errors.InvalidProxyLine(line, f"protocol {family!r} not supported")
    try:
        parse(source)
        parse(destination)
    except ValueError:
        raise errors.InvalidProxyLine(line) from None
    return {
        "proxy_protocol": family,
        "client_addr": source,
        "client_port": _port(source_port, line),
        "proxy_addr": destination,
        "proxy_port": _port(destination_port, line),
    }
