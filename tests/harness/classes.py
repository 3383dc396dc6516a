"""The worker classes that tests go through: one list, so that a new class is in all of them."""

from __future__ import annotations

import importlib.util

import pytest

#: class -> the library it needs, and its flags
CLASSES: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "sync": (None, ()),
    "gthread": (None, ("--threads", "4")),
    "gevent": ("gevent", ()),
    "eventlet": ("eventlet", ()),
    "gevent_pywsgi": ("gevent", ()),
    "tornado": ("tornado", ()),
}
#: those that speak our HTTP, beside sync
OURS = ("gthread", "gevent", "eventlet", "tornado")
#: those that are at several requests at once, with WSGI by our HTTP
CONCURRENT = ("gthread", "gevent", "eventlet")
#: those with a green thread for each connection
GREEN = ("gevent", "eventlet")


def flags(kind: str) -> tuple[str, ...]:
    """Give the words that choose a class; skips the test where its library is missing."""
    library, more = CLASSES[kind]
    if library is not None and importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}")
    return ("--worker-class", kind, *more)
