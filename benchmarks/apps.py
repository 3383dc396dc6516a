"""The WSGI application every peer serves, chosen by path so that one start can serve them all.

Rules: no import, no framework: what is measured is the server around it. The file is copied beside
each server's working directory and imported as ``apps``, so that no peer has the clone on its path.
"""

HELLO = b"Hello, world!\n"
MEGABYTE = b"0123456789abcdef" * 65536
CHUNK = b"c" * 1024
CHUNKS = 20

PLAIN = ("Content-Type", "text/plain")
HELLO_HEADERS = [PLAIN, ("Content-Length", str(len(HELLO)))]
MEGABYTE_HEADERS = [PLAIN, ("Content-Length", str(len(MEGABYTE)))]


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/":
        start_response("200 OK", HELLO_HEADERS[:])
        return [HELLO]
    if path == "/post":
        return post(environ, start_response)
    if path == "/megabyte":
        start_response("200 OK", MEGABYTE_HEADERS[:])
        return [MEGABYTE]
    if path == "/stream":
        start_response("200 OK", [PLAIN])
        return stream()
    start_response("404 Not Found", [PLAIN, ("Content-Length", "0")])
    return []


def post(environ, start_response):
    """Answer with the number of body bytes that arrived."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    answer = b"%d\n" % len(body)
    start_response("200 OK", [PLAIN, ("Content-Length", str(len(answer)))])
    return [answer]


def stream():
    """Yield a body of unknown length: chunked to HTTP/1.1 clients, where the server can."""
    for _ in range(CHUNKS):
        yield CHUNK
