"""The applications that most tests need: hello, echo."""

from __future__ import annotations

import json
import os
from wsgiref.validate import validator


@validator
def hello(environ, start_response):
    """Answer anything with a greeting of known length."""
    body = b"hello"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


@validator
def pid(environ, start_response):
    """Answer with the number of the worker process."""
    body = str(os.getpid()).encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


def echo(environ, start_response):
    """Answer with the environ as JSON; the body of the request is in the key ``body``.

    Not wrapped in the validator: it refuses what we want to see, like methods it does not know.
    """
    body = environ["wsgi.input"].read()
    seen = {key: value for key, value in environ.items() if isinstance(value, str | bool | tuple)}
    seen["types"] = {key: type(value).__name__ for key, value in environ.items()}
    seen["body"] = body.decode("latin-1")
    text = json.dumps(seen).encode("ascii")
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
    start_response("200 OK", headers)
    return [text]


def scribble(environ, start_response):
    """Answer whether environ is free of what this wrote into it last time, then write again."""
    body = b"dirty" if "x.scribbled" in environ else b"clean"
    environ["x.scribbled"] = "yes"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [body]
