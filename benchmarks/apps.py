"""The WSGI application every peer serves, chosen by path so that one start can serve them all.

Rules: no framework, and no import before it is needed: what is measured is the server around it.
The file is copied beside each server's working directory and imported as ``apps``, so that no peer
has the clone on its path.
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
    if path == "/poll":
        return poll(start_response)
    if path == "/news":
        return tell(start_response)
    if path == "/echo":
        return echo(environ)
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


waiting = None


def news():
    """Return the event all polls wait for; made late, when the standard library is patched."""
    global waiting
    if waiting is None:
        import threading

        waiting = threading.Event()
    return waiting


def poll(start_response):
    """Answer when there is news."""
    news().wait()
    start_response("200 OK", HELLO_HEADERS[:])
    return [HELLO]


def tell(start_response):
    """Let all polls be answered."""
    news().set()
    start_response("200 OK", HELLO_HEADERS[:])
    return [HELLO]


def echo(environ):
    """Speak WebSocket on the client's socket: send each message back."""
    from wsproto import ConnectionType, WSConnection, events

    from gunicorn.workers.base_async import ALREADY_HANDLED

    sock = environ["gunicorn.socket"]
    talk = WSConnection(ConnectionType.SERVER)
    fields = [
        (key[5:].replace("_", "-").encode(), value.encode())
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]
    talk.initiate_upgrade_connection(fields, environ["RAW_URI"])
    while True:
        for event in talk.events():
            if isinstance(event, events.Request):
                sock.sendall(talk.send(events.AcceptConnection()))
            elif isinstance(event, events.Message):
                sock.sendall(talk.send(type(event)(data=event.data)))
            elif isinstance(event, events.CloseConnection):
                sock.sendall(talk.send(event.response()))
                return ALREADY_HANDLED
        data = sock.recv(4096)
        if not data:
            return ALREADY_HANDLED
        talk.receive_data(data)
