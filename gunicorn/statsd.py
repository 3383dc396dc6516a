"""Figures about the server for StatsD: a logger that counts what passes through it.

``instrument`` makes such a class of any logger class. Besides counting lines and requests it sends
what ``Logger.figure`` is told: the master's number of workers, and what hooks wish to tell.

Rules: datagrams only, never waited for; a figure that cannot be sent is lost. The metrics are
listed with the setting ``statsd_host``.
"""

from __future__ import annotations

import atexit
import functools
import socket
from datetime import timedelta

from gunicorn import accesslog
from gunicorn.config import endpoints
from gunicorn.glogging import Logger
from gunicorn.system import clock

__all__ = ["Sender", "Statsd", "instrument"]

#: seconds between two attempts to find the host
PAUSE = 10.0

#: kind of a figure -> its type in the protocol
_TYPES = {"gauge": "g", "counter": "c", "timer": "ms"}


class Sender:
    """Sends metrics to one StatsD."""

    def __init__(self, address: str, prefix: str = "", tags: str = "") -> None:
        self._endpoint = endpoints.parse_statsd(address)
        prefix = prefix.rstrip(".")
        self._prefix = f"{prefix}." if prefix else ""
        self._tail = f"|#{tags}" if tags else ""
        self._socket: socket.socket | None = None
        self._target: Any = None
        self._retry_at = 0.0

    def send(self, name: str, value: float, kind: str) -> None:
        """Send one metric; ``kind`` is the type of the protocol: ``c``, ``g`` or ``ms``."""
        if self._socket is None and not self._open():
            return
        assert self._socket is not None
        shown = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else value
        line = f"{self._prefix}{name}:{shown}|{kind}{self._tail}"
        try:
            self._socket.sendto(line.encode("utf-8", "replace"), self._target)
        except OSError:
            pass  # nobody listens, or its queue is full

    def _open(self) -> bool:
        if clock.monotonic() < self._retry_at:
            return False
        _, address = self._endpoint
        try:
            if isinstance(address, str):
                family: int = socket.AF_UNIX
                self._target = address
            else:
                found = socket.getaddrinfo(address[0], address[1], type=socket.SOCK_DGRAM)
                family, self._target = found[0][0], found[0][4]
        except OSError:
            # The name service may be later at boot than we are.
            self._retry_at = clock.monotonic() + PAUSE
            return False
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        return True

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@functools.cache
def sender_for(address: str, prefix: str, tags: str) -> Sender:
    """Give the one sender of these settings: a reload makes new loggers, not new sockets."""
    sender = Sender(address, prefix, tags)
    atexit.register(sender.close)
    return sender


TYPE_CHECKING = False
if TYPE_CHECKING:
    _Base = Logger
    from typing import Any
else:
    _Base = object


class _Counting(_Base):
    """What is put before a logger class so that it counts."""

    _statsd: Sender | None = None

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self._statsd = sender_for(
            cfg.statsd_host, cfg.statsd_prefix or "", cfg.dogstatsd_tags or ""
        )

    def critical(self, msg: object, *args: object, **kwargs: Any) -> None:
        self._count("gunicorn.log.critical")
        super().critical(msg, *args, **kwargs)

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        self._count("gunicorn.log.error")
        super().error(msg, *args, **kwargs)

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        self._count("gunicorn.log.warning")
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: object, *args: object, **kwargs: Any) -> None:
        self._count("gunicorn.log.exception")
        super().exception(msg, *args, **kwargs)

    def log(self, lvl: int | str, msg: object, *args: object, **kwargs: Any) -> None:
        name = lvl.lower() if isinstance(lvl, str) else _names().get(lvl, "")
        if name in ("critical", "error", "warning"):
            self._count(f"gunicorn.log.{name}")
        super().log(lvl, msg, *args, **kwargs)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Write the access line where there is one, and count the request."""
        super().access(resp, req, environ, request_time)
        sender = self._statsd
        if sender is None:
            return
        sender.send("gunicorn.requests", 1, "c")
        sender.send(f"gunicorn.request.status.{accesslog.status_of(resp)}", 1, "c")
        milliseconds = accesslog.microseconds(request_time) / 1000
        sender.send("gunicorn.request.duration", milliseconds, "ms")

    def _count(self, name: str) -> None:
        if self._statsd is not None:
            self._statsd.send(name, 1, "c")

    def figure(self, name: str, value: float, kind: str = "gauge") -> None:
        """Send one figure; ``kind`` is gauge, counter or timer (milliseconds)."""
        if self._statsd is not None:
            self._statsd.send(name, value, _TYPES[kind])


def _names() -> dict[int, str]:
    return {number: name for name, number in Logger.LOG_LEVELS.items()}


def instrument(base: type[Logger]) -> type[Logger]:
    """``base`` that counts as well; the same class for the same ``base``."""
    if issubclass(base, _Counting):
        return base
    found = _made.get(base)
    if found is None:
        found = type(f"Statsd{base.__name__}", (_Counting, base), {"__doc__": base.__doc__})
        _made[base] = found
    return found


_made: dict[type, type[Logger]] = {}


class Statsd(_Counting, Logger):
    """The plain logger that counts, for subclasses."""
