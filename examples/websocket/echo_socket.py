"""For gevent and eventlet: WebSockets (RFC 6455) on the client's socket itself, in plain Python.

gunicorn --worker-class gevent echo_socket:app
"""

import base64
import hashlib
import struct

from gunicorn.workers.base_async import ALREADY_HANDLED

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
#: a longer message ends the connection
MESSAGE_MAX = 1 << 20


def app(environ, start_response):
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
    if environ.get("HTTP_UPGRADE", "").lower() != "websocket" or not key:
        body = b"a WebSocket client is wanted here\n"
        start_response("426 Upgrade Required", [("Content-Length", str(len(body)))])
        return [body]
    sock = environ["gunicorn.socket"]
    # No deadline: a WebSocket may be silent for as long as it likes.
    sock.settimeout(None)
    accept = base64.b64encode(hashlib.sha1(key.encode("latin-1") + MAGIC).digest())
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    with sock.makefile("rb") as stream:
        for opcode, message in messages(sock, stream):
            send(sock, opcode, message)
    return ALREADY_HANDLED


def messages(sock, stream):
    """Give each whole message with its kind, until the client says goodbye or leaves."""
    kind, message = TEXT, b""
    while len(message) <= MESSAGE_MAX and (head := stream.read(2)):
        is_last, opcode, length = head[0] & 0x80, head[0] & 0x0F, head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", stream.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", stream.read(8))
        if length > MESSAGE_MAX:
            return
        mask = stream.read(4)
        data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(stream.read(length)))
        if opcode == CLOSE:
            send(sock, CLOSE, data)
            return
        if opcode == PING:
            send(sock, PONG, data)
        elif opcode in (CONTINUED, TEXT, BINARY):
            kind, message = opcode or kind, message + data
            if is_last:
                yield kind, message
                message = b""


def send(sock, opcode, data):
    """Send one message in one frame."""
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    sock.sendall(head + data)
