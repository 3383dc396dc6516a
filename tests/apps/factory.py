"""An application that is the result of a call in APP_MODULE."""

from __future__ import annotations


def make(word, times=1):
    body = word.encode() * times

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    return application
