"""Durations on a logarithmic scale: which place of a histogram one belongs to, and quantiles.

A double in memory *is* a logarithmic scale: the exponent and the first bits of the mantissa are its
upper 16 bits. So who counts a duration stores it as a double and looks its place up by those bits:
no logarithm, no comparison, two loads. Eight places to a factor of two, from a microsecond to an
hour: a quantile is right to within a sixteenth. Knows nothing of requests or workers.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["PLACES", "PLACE_BY_BITS", "UPPER_BITS", "quantile"]

_PER_OCTAVE = 8
#: durations below 2**_LOWEST seconds share the first place, those from an hour on the last
_LOWEST = -20
_OCTAVES = 32
#: how many places a histogram has
PLACES = _PER_OCTAVE * _OCTAVES

#: where the upper 16 bits of a double are, among its four words of 16
UPPER_BITS = 3 if sys.byteorder == "little" else 0


def _make_places() -> bytes:
    """Tell the place of every pattern of the upper 16 bits: sign, 11 of exponent, 4 of mantissa."""
    before = (1023 + _LOWEST) * 16
    within = b"".join(bytes((place, place)) for place in range(PLACES))
    after = 0x8000 - before - len(within)
    half = bytes(before) + within + bytes((PLACES - 1,)) * after
    return half * 2  # the sign does not count


PLACE_BY_BITS = _make_places()


def _edge(place: int) -> float:
    """Give the shortest duration of a place, in seconds."""
    octave, eighth = divmod(place, _PER_OCTAVE)
    return float(2.0 ** (_LOWEST + octave) * (1 + eighth / _PER_OCTAVE))


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Give the seconds within which this share of the counted durations lies; None without any.

    Within a place the durations are taken to lie evenly.
    """
    total = sum(counts)
    if total <= 0:
        return None
    wanted, seen = total * share, 0
    for place, count in enumerate(counts):
        if count > 0 and seen + count >= wanted:
            low, high = _edge(place), _edge(place + 1)
            return low + (high - low) * (wanted - seen) / count
        seen += count
    return _edge(PLACES)
