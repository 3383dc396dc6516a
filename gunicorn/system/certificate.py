"""How long the certificates of a PEM file are good for: their dates and nothing else.

The standard library decodes a certificate only for the peer of a connection, and ``openssl x509``
is a program that need not be there; so the two dates are read here, which RFC 5280 puts at a fixed
place of the DER: the fifth element of the part that is signed, the sixth where a version is given,
which is first. Whether a certificate is signed by anybody, or belongs to its key, is OpenSSL's to
judge; what is not understood is an error, never a guess.
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime

from gunicorn.shapes import NamedTuple

__all__ = ["Trouble", "Validity", "read_validities", "trouble"]

_BLOCK = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(.+?)-----END (?:TRUSTED |X509 )?CERTIFICATE",
    re.DOTALL,
)
_SEQUENCE, _INTEGER, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x02, 0x17, 0x18, 0xA0

#: seconds before the end from which it is worth a word: two weeks, or a tenth of a short life
_NOTICE = 14 * 86400


class Validity(NamedTuple):
    """From when until when, in seconds since the epoch."""

    begin: float
    end: float

    @property
    def notice(self) -> float:
        """The instant from which its end is near."""
        return self.end - min(_NOTICE, (self.end - self.begin) / 10)


class Trouble(NamedTuple):
    """What is wrong with the dates, and whether it is so already."""

    is_now: bool
    text: str


def read_validities(pem: bytes) -> list[Validity]:
    """Read the dates of each certificate of a file, the server's own first.

    :raises ValueError: there is none, or one that cannot be understood
    """
    found = [_validity(binascii.a2b_base64(block)) for block in _BLOCK.findall(pem)]
    if not found:
        raise ValueError("there is no certificate in it")
    return found


def trouble(pem: bytes, now: float) -> Trouble | None:
    """Say what is wrong with the dates of a file at an instant; None when nothing is.

    :raises ValueError: it cannot be understood
    """
    validities = read_validities(pem)
    first = min(validities, key=lambda one: one.end)
    number = validities.index(first) + 1
    which = f"certificate {number} of {len(validities)} in it" if number > 1 else "the certificate"
    if first.end <= now:
        return Trouble(True, f"{which} expired on {_date(first.end)}: clients refuse it")
    late = max(validities, key=lambda one: one.begin)
    if late.begin > now:
        text = f"the certificate is not valid before {_date(late.begin)}: clients refuse it"
        return Trouble(True, text)
    if first.notice <= now:
        hours = int((first.end - now) // 3600)
        left = f"in {hours // 24} days" if hours >= 48 else f"in {hours} hours"
        return Trouble(False, f"{which} expires on {_date(first.end)}, {left}")
    return None


def _date(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M UTC")


class _Element(NamedTuple):
    tag: int
    body: bytes
    rest: bytes


def _validity(der: bytes) -> Validity:
    """Walk to the dates: Certificate, TBSCertificate, validity (RFC 5280, 4.1)."""
    signed = _take(_take(der, _SEQUENCE).body, _SEQUENCE).body
    version = _take(signed)
    serial = _take(version.rest if version.tag == _VERSION else signed, _INTEGER)
    algorithm = _take(serial.rest, _SEQUENCE)
    issuer = _take(algorithm.rest, _SEQUENCE)
    begin = _take(_take(issuer.rest, _SEQUENCE).body)
    return Validity(_instant(begin), _instant(_take(begin.rest)))


def _take(data: bytes, tag: int | None = None) -> _Element:
    """Take the first element of some DER: a tag of one byte, a length, that many bytes."""
    if len(data) < 2 or (tag is not None and data[0] != tag):
        raise ValueError("it is no certificate")
    start, length = 2, data[1]
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if start == 2 + 0x80 or start + length > len(data):
        raise ValueError("it is cut off")
    return _Element(data[0], data[start : start + length], data[start + length :])


def _instant(time: _Element) -> float:
    """Read a time, which RFC 5280 (4.1.2.5) wants with seconds and in UTC."""
    text = time.body.decode("ascii", "replace")
    if time.tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif time.tag != _GENERALIZED_TIME:
        raise ValueError("its dates are no dates")
    if not re.fullmatch(r"\d{14}Z", text, re.ASCII):
        raise ValueError("its dates are no dates")
    numbers = [int(text[:4]), *(int(text[i : i + 2]) for i in range(4, 14, 2))]
    return datetime(*numbers, tzinfo=UTC).timestamp()  # type: ignore[arg-type, misc]
