"""The bytes of the fields of one request head become a FieldBlock: the hot path.

Two readers of the same grammar live here. The fast one sees a whole head and looks at it as a
whole: one ``translate`` finds forbidden bytes, one decode and one split make lines, and a name is
validated once, when it enters a bounded cache. :class:`HeadScan` goes line by line; it watches
heads that are still arriving (limits are checked before more is read) and, when the fast reader
stumbles, finds the fault that is to be reported: the first one in the order of the bytes, however
the bytes were cut into pieces.

Nothing here reads, waits, or knows where bytes come from.
"""

from __future__ import annotations

import re

from gunicorn.http import errors, framing, grammar
from gunicorn.http.limits import Policy, environ_key
from gunicorn.http.requestline import parse_request_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Template = tuple[dict[str, Any] | None, tuple[int, int], dict[str, Any]]

Buffer = bytes | bytearray

_FOLD = rb"\r\n[ \t]+"

#: Raw field name -> environ key, for names that are tokens without underscore. Clients choose the
#: names, so the cache is bounded: when full it starts over.
_KEYS: dict[str, str] = {}
_KEYS_MAX = 1024
_KEY_LENGTH_MAX = 64

#: Fields of which a request may hold only one (RFC 9112, 3.2 and 6.3; RFC 9110, 8.3).
_SINGLE = frozenset(["HTTP_HOST", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_SCRIPT_NAME"])
#: Fields whose meaning we act on: a spelling with underscores never stands for one of them.
_OWN = frozenset(
    [
        "HTTP_HOST",
        "HTTP_CONNECTION",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_EXPECT",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
    ]
)

NO_TEMPLATE: Template = (None, (0, 0), {})


class FieldBlock:
    """The fields of one head and everything that follows from them alone.

    Immutable once made, because a kept-alive connection uses one block for many requests.
    """

    __slots__ = (
        "aside",
        "environ",
        "expects_continue",
        "is_secure",
        "length",
        "lines",
        "persistent",
        "template",
        "trusted",
    )

    #: field lines, unfolded, as received
    lines: list[str]
    #: environ keys of the fields, values joined where fields repeat
    environ: dict[str, str]
    #: (NAME, value) of fields with underscores in their names that were let in
    aside: list[tuple[str, str]]
    #: length of the body, or framing.CHUNKED
    length: int
    persistent: bool
    expects_continue: bool
    #: a believed forwarder says that the client speaks TLS
    is_secure: bool
    #: whether the peer is a believed forwarder
    trusted: bool
    #: environ.build's memory: (base, version, environ without the keys of the request line)
    template: Template

    def __getstate__(self) -> dict[str, Any]:
        # The template holds a base environ, hence a socket: it stays with its connection.
        return {name: getattr(self, name) for name in self.__slots__ if name != "template"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self.template = NO_TEMPLATE

    def twin(self) -> FieldBlock:
        """Return the same fields for another connection, without the memory of this one's."""
        twin = FieldBlock()
        twin.lines = self.lines
        twin.environ = self.environ
        twin.aside = self.aside
        twin.length = self.length
        twin.persistent = self.persistent
        twin.expects_continue = self.expects_continue
        twin.is_secure = self.is_secure
        twin.trusted = self.trusted
        twin.template = NO_TEMPLATE
        return twin

    def pairs(self) -> list[tuple[str, str]]:
        """Return a new list of (UPPER-NAME, value) in the order received."""
        let_in = {name for name, _ in self.aside}
        found = []
        for line in self.lines:
            name, _, value = line.partition(":")
            name = name.rstrip(" \t").upper()
            if "_" not in name or name in let_in:
                found.append((name, value.strip(" \t")))
        return found


#: What was said on new connections lately, (field bytes, version, trusted) -> by which policy it
#: was judged and the verdict: many who come for one request say the same each time. Clients choose
#: what they say, so it is short and little: when full it starts over.
_BLOCKS: dict[tuple[bytes, tuple[int, int], bool], tuple[Policy, FieldBlock]] = {}
_BLOCKS_MAX = 64
_BLOCK_LENGTH_MAX = 512


def read_fields(
    block: bytes, policy: Policy, version: tuple[int, int], trusted: bool
) -> FieldBlock:
    """As :func:`parse_fields`, for the first head of a connection; remembers."""
    key = block, version, trusted
    judge, known = _BLOCKS.get(key, (None, None))
    if known is not None and judge is policy:
        return known.twin()
    fields = parse_fields(block, policy, version, trusted)
    if len(block) <= _BLOCK_LENGTH_MAX:
        if len(_BLOCKS) >= _BLOCKS_MAX:
            _BLOCKS.clear()
        _BLOCKS[key] = policy, fields.twin()
    return fields


def parse_fields(
    block: bytes, policy: Policy, version: tuple[int, int], trusted: bool
) -> FieldBlock:
    """Parse the field lines of a head (no CRLF at the end; empty for none) and judge them.

    ``trusted``: the peer is in ``forwarded_allow_ips``. Raises the ProtocolError of the first
    fault.
    """
    result = FieldBlock()
    lines, fields, repeated, aside = _split_fields(block, policy)
    result.lines = lines
    result.environ = fields
    result.trusted = trusted
    result.template = NO_TEMPLATE
    for key in repeated:
        if key in _SINGLE:
            raise errors.InvalidHeader(key.removeprefix("HTTP_").replace("_", "-"), "repeated")
    result.aside = _admit_underscores(aside, fields, policy, trusted) if aside else aside

    get = fields.get
    host = get("HTTP_HOST")
    if host is None:
        if version >= (1, 1):
            raise errors.InvalidHeader("HOST", "missing")
    elif not grammar.match_host(host):
        raise errors.InvalidHeader("HOST", "malformed")
    result.length = framing.judge_body(
        get("CONTENT_LENGTH"), get("HTTP_TRANSFER_ENCODING"), version
    )
    result.persistent = framing.judge_persistence(get("HTTP_CONNECTION"), version)
    result.expects_continue = framing.judge_expectation(get("HTTP_EXPECT"), version)
    result.is_secure = trusted and _judge_scheme(fields, repeated, policy)
    return result


def parse_trailers(block: bytes, policy: Policy) -> list[tuple[str, str]]:
    """Parse a trailer section like the fields of a head; returns (UPPER-NAME, value) pairs.

    They never reach the environ, so names with underscores need no judgement.
    """
    lines = _split_fields(block, policy)[0]
    pairs = []
    for line in lines:
        name, _, value = line.partition(":")
        pairs.append((name.rstrip(" \t").upper(), value.strip(" \t")))
    return pairs


_Split = tuple[list[str], dict[str, str], list[str], list[tuple[str, str]]]


def _split_fields(block: bytes, policy: Policy) -> _Split:
    """Return the lines, the environ entries, the keys that repeat, and fields with underscores."""
    fields: dict[str, str] = {}
    repeated: list[str] = []
    aside: list[tuple[str, str]] = []
    if not block:
        return [], fields, repeated, aside
    if policy.permit_obsolete_folding and (b"\r\n " in block or b"\r\n\t" in block):
        HeadScan(policy, in_fields=True).advance(block + b"\r\n\r\n")
        # RFC 9112, 5.2: a fold stands for blanks
        block = re.sub(_FOLD, b" ", block)
    lines = block.decode("latin-1").split("\r\n")
    if (
        # the CRLFs we split at are the only forbidden bytes
        len(block) - len(block.translate(None, grammar.FORBIDDEN)) != 2 * (len(lines) - 1)
        or len(lines) > policy.limit_fields
        or (
            len(block) + 2 > policy.limit_field_size
            and max(map(len, lines)) + 2 > policy.limit_field_size
        )
    ):
        _raise_first_fault(block, policy)
    get_key = _KEYS.get
    for line in lines:
        name, colon, value = line.partition(":")
        key = get_key(name)
        if key is None or not colon:
            key = _judge_name(line, name, colon, policy)
            if not key:
                aside.append((name.rstrip(" \t").upper(), value.strip(" \t")))
                continue
        if key in fields:
            repeated.append(key)
            # RFC 6265, 5.4: the one way cookies are joined; RFC 9110, 5.3 for all others
            glue = "; " if key == "HTTP_COOKIE" else ","
            fields[key] = fields[key] + glue + value.strip(" \t")
        else:
            fields[key] = value.strip(" \t")
    return lines, fields, repeated, aside


def _judge_name(line: str, name: str, colon: str, policy: Policy) -> str:
    """Return the environ key of a field name seen for the first time, "" if it has underscores.

    Raises InvalidHeader for a line that is no field, InvalidHeaderName for a name that is no token.
    """
    if not colon or not name or name[0] in " \t":
        # an empty name, or a folded line (RFC 9112, 5.2: refused unless permitted)
        raise errors.InvalidHeader(line)
    if not grammar.is_token(name):
        stripped = name.rstrip(" \t")
        # RFC 9112, 5.1: blanks before the colon have been used to hide fields from proxies
        if not policy.strip_header_spaces or not grammar.is_token(stripped):
            raise errors.InvalidHeaderName(name)
        return "" if "_" in stripped else environ_key(stripped)
    if "_" in name:
        return ""
    key = environ_key(name)
    if len(name) <= _KEY_LENGTH_MAX:
        if len(_KEYS) >= _KEYS_MAX:
            _KEYS.clear()
        _KEYS[name] = key
    return key


def _admit_underscores(
    aside: list[tuple[str, str]], fields: dict[str, str], policy: Policy, trusted: bool
) -> list[tuple[str, str]]:
    """Let names with underscores into ``fields`` as the policy says; returns those let in.

    In the environ they look like names with hyphens, so a client could forge what a proxy sets.
    """
    let_in: list[tuple[str, str]] = []
    for name, value in aside:
        key = environ_key(name)
        if trusted and name in policy.forwarder_headers:
            if name in [known for known, _ in let_in]:
                raise errors.InvalidHeader(name, "repeated")
            if "HTTP_" + name in fields:
                # the hyphen spelling came too, perhaps from the client: two stories
                raise errors.InvalidHeader(name, "in two spellings")
        elif policy.header_map == "refuse":
            raise errors.InvalidHeaderName(name)
        elif policy.header_map == "drop" or key in _OWN:
            continue
        let_in.append((name, value))
        fields[key] = f"{fields[key]},{value}" if key in fields else value
    return let_in


def _judge_scheme(fields: dict[str, str], repeated: list[str], policy: Policy) -> bool:
    """Whether the forwarder says "TLS". Raises InvalidSchemeHeaders when it says both."""
    secure = plain = False
    for key, wanted in policy.scheme_headers:
        value = fields.get(key)
        if value is None:
            continue
        for said in value.split(",") if key in repeated else (value,):
            if said == wanted:
                secure = True
            else:
                plain = True
    if secure and plain:
        raise errors.InvalidSchemeHeaders
    return secure


def _raise_first_fault(block: bytes, policy: Policy) -> None:
    HeadScan(policy, in_fields=True).advance(block + b"\r\n\r\n")


class HeadScan:
    """Judges the lines of a head (or trailer section) that has not fully arrived.

    ``advance(buffer)`` is called with the same buffer, grown, as often as bytes arrive; each byte
    is looked at about once. It returns whether the section is complete and raises the first fault
    of what is there: line by line its length, its forbidden bytes, then its grammar. What only a
    whole head shows (repeated fields, framing) is not judged here.
    """

    __slots__ = ("_checked", "_count", "_field_start", "_in_fields", "_policy", "_start")

    def __init__(self, policy: Policy, in_fields: bool = False) -> None:
        self._policy = policy
        self._in_fields = in_fields
        #: where the line now arriving begins, and where the field does that it may continue
        self._start = 0
        self._field_start = 0
        #: bytes before this are known not to be forbidden
        self._checked = 0
        #: field lines begun
        self._count = 0

    def advance(self, buffer: Buffer) -> bool:
        while True:
            # one step back: the CR may have been the last byte of the previous piece
            end = buffer.find(b"\r\n", max(self._start, self._checked - 1))
            if end < 0:
                break
            if end == self._start and self._in_fields:
                return True
            self._judge_bytes(buffer, end)
            self._judge_line(bytes(buffer[self._start : end]).decode("latin-1"))
            self._start = self._checked = end + 2
        end = len(buffer) - (buffer[-1:] == b"\r")
        if end > self._start:
            self._judge_bytes(buffer, end)
            self._checked = end
        return False

    def _judge_bytes(self, buffer: Buffer, end: int) -> None:
        """Judge length and bytes of the line from ``_start`` to ``end``, finished or not."""
        start, policy = self._start, self._policy
        if not self._in_fields:
            begin, limit = start, policy.limit_line
        else:
            folded = policy.permit_obsolete_folding and buffer[start] in b" \t" and self._count > 0
            if not folded:
                self._field_start = start
                if self._count >= policy.limit_fields:
                    raise errors.LimitRequestHeaders("limit request headers fields")
            begin, limit = self._field_start, policy.limit_field_size - 2
        match = grammar.FORBIDDEN_SEARCH(bytes(buffer[max(start, self._checked) : end]))
        bad = match.start() + max(start, self._checked) if match else end
        if end - begin > limit and bad - begin > limit:
            if not self._in_fields:
                raise errors.LimitRequestLine(end - begin, limit)
            raise errors.LimitRequestHeaders("limit request headers fields size")
        if match:
            self._refuse_byte(bytes(buffer[start:end]).decode("latin-1"), bad - start)

    def _refuse_byte(self, line: str, bad: int) -> None:
        if not self._in_fields:
            raise errors.InvalidRequestLine(line)
        if ":" in line[:bad] or line[0] in " \t":
            raise errors.InvalidHeader(line)
        raise errors.InvalidHeaderName(line.partition(":")[0])

    def _judge_line(self, line: str) -> None:
        if not self._in_fields:
            parse_request_line(line, self._policy)
            self._in_fields = True
            return
        if self._policy.permit_obsolete_folding and line[0] in " \t" and self._count:
            return
        self._count += 1
        name, colon, _ = line.partition(":")
        _judge_name(line, name, colon, self._policy)
