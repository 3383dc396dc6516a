"""For gevent: server-sent events, a line a tenth of a second, to as many clients as like.

gunicorn --worker-class gevent events_gevent:app
"""

import time


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return events(5)


def events(count):
    for number in range(1, count + 1):
        yield f"data: {number} of {count}\n\n".encode()
        time.sleep(0.1)  # gevent's own here: the worker patches the standard library
