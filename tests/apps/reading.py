"""Reads the request body in the way the query names, and answers with everything it got, as JSON.

``?read:5,readline:,readline:3,readlines:,iter:,read:`` makes these calls one after the other; an
empty argument is no argument.
"""

from __future__ import annotations

import hashlib
import json


def play(stream, calls):
    """Make ``calls`` on ``stream``; give what each returned."""
    results = []
    for call in calls.split(","):
        name, _, argument = call.partition(":")
        arguments = [] if not argument else [None if argument == "None" else int(argument)]
        if name == "iter":
            result = list(stream)
        elif name == "next":
            result = next(iter(stream), b"")
        else:
            result = getattr(stream, name)(*arguments)
        results.append(result)
    return results


def as_text(value):
    return [as_text(item) for item in value] if isinstance(value, list) else value.decode("latin-1")


def application(environ, start_response):
    text = json.dumps(as_text(play(environ["wsgi.input"], environ["QUERY_STRING"]))).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
    start_response("200 OK", headers)
    return [text]


def digest(environ, start_response):
    """Answer with size and SHA-256 of the body, read in blocks."""
    size, total = 0, hashlib.sha256()
    while block := environ["wsgi.input"].read(65536):
        size += len(block)
        total.update(block)
    text = f"{size} {total.hexdigest()}".encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
    start_response("200 OK", headers)
    return [text]


def ignore(environ, start_response):
    """Answer without reading the body."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "7")])
    return [b"ignored"]
