"""Serves one request: hooks, environ, application, answer, access line. The same for every worker.

A worker decides *when* a request is served and what becomes of the connection afterwards; what
happens in between is here, once. Rules: every request that was parsed is answered, by the
application or by an error page, unless a part of an answer is out already: then the connection is
broken, never mended. ``post_request`` runs for every request for which ``pre_request`` was begun.
Nothing here waits but the application, and nothing here knows where a client's bytes come from.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator

from gunicorn.http import environ, errors
from gunicorn.http.limits import Policy
from gunicorn.http.message import Request
from gunicorn.http.wsgi import Response
from gunicorn.workers.base import LeaveNow, Worker
from gunicorn.workers.channel import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gunicorn.http.environ import Environ

__all__ = ["ALREADY_HANDLED", "Dispatcher", "Handled"]


class Handled(BaseException):
    """All there is to say has been said on the socket, by the application or in its place."""


class _AlreadyHandled:
    def __iter__(self) -> Iterator[bytes]:
        raise Handled


#: what an application returns that has spoken on ``environ["gunicorn.socket"]`` itself
ALREADY_HANDLED = _AlreadyHandled()


# An attribute of an enumeration takes three times as long as a name.
_KEEP, _CLOSE = Outcome.KEEP, Outcome.CLOSE


class Dispatcher:
    """What a worker needs to serve requests, resolved once: hooks, log, application."""

    def __init__(self, worker: Worker, policy: Policy) -> None:
        self._worker = worker
        self._policy = policy
        cfg, log = worker.cfg, worker.log
        self._cfg = cfg
        self._log = log
        self._closes = cfg.keepalive == 0
        debugs = _is_debugging(log)
        # A default hook does nothing but, for pre_request, write a debug line: a request need not
        # pay for the call.
        self._pre_request = (
            cfg.pre_request if debugs or not _is_default(cfg, "pre_request") else None
        )
        self._post_request = None if _is_default(cfg, "post_request") else cfg.post_request

    def serve(self, request: Request, client: Any, addr: Any, base: Environ) -> Outcome:
        """Answer ``request`` into the sink ``client``; ``base`` is the connection's base environ.

        Raises LeaveNow when a signal ends the worker, and nothing else.
        """
        worker = self._worker
        response: Response | None = None
        variables: Environ = {}
        wants_line = self._log.access_wanted
        started = time.monotonic() if wants_line else 0.0
        try:
            worker.answering = response = Response(request, client, self._cfg)
            if self._pre_request is not None:
                self._pre_request(worker, request)
            variables = environ.build(base, request, self._policy)
            variables["wsgi.early_hints"] = response.early_hints
            if not worker.alive or self._closes:
                response.must_close = True
            response.run(worker.wsgi, variables)
            outcome = _CLOSE if response.must_close else _KEEP
        except LeaveNow:
            raise
        except BaseException as exc:
            outcome = self._handle(exc, request, response, client, addr)
            wants_line = wants_line and response is not None and response.headers_sent
        worker.answering = None
        if wants_line:
            from datetime import timedelta  # most servers write no access log

            elapsed = timedelta(seconds=time.monotonic() - started)
            self._log.access(response, request, variables, elapsed)
        if self._post_request is not None:
            self._call_post_request(request, variables, response)
        return outcome

    def end_on_return(self) -> None:
        """In a process that the application has forked: end it when it comes back from there."""
        self._post_request = self._end_process

    def _end_process(self, *_: Any) -> None:
        self._log.error("A child of the application comes back from a request; it ends")
        os._exit(1)

    def _handle(
        self,
        exc: BaseException,
        request: Request,
        response: Response | None,
        client: Any,
        addr: Any,
    ) -> Outcome:
        """Say what went wrong, to the log and, while that is possible, to the client."""
        if isinstance(exc, Handled):
            return Outcome.KEEP
        if isinstance(exc, errors.ClientDisconnected):
            self._log.debug("Ignored premature client disconnection. %s", exc)
            return Outcome.GONE
        if isinstance(exc, errors.NoMoreData):
            # The peer left while the application read its body.
            self._log.debug("Ignored premature client disconnection. %s", exc)
            return Outcome.GONE
        if response is not None and response.headers_sent:
            self._log.error("Error handling request %s", request.uri, exc_info=exc)
            # Chunks and lengths show by themselves that the answer was cut short; an end does not.
            is_framed = response.chunked or response.response_length is not None
            return Outcome.CLOSE if is_framed else Outcome.BREAK
        if not isinstance(exc, Exception):
            # An application's SystemExit would end the worker, and with it others' requests.
            self._log.error("The application raised %s", type(exc).__name__)
        try:
            self._worker.handle_error(request, client, addr, exc)
        except LeaveNow:
            raise
        except Exception:
            self._log.exception("Error handling request %s", request.uri)
            return Outcome.BREAK
        return Outcome.CLOSE

    def _call_post_request(
        self, request: Request, variables: Environ, response: Response | None
    ) -> None:
        try:
            self._post_request(self._worker, request, variables, response)  # type: ignore[misc]
        except LeaveNow:
            raise
        except BaseException:
            self._log.exception("Exception in post_request hook")


def _is_default(cfg: Any, name: str) -> bool:
    return bool(cfg.settings[name].is_default)


def _is_debugging(log: Any) -> bool:
    return bool(getattr(log, "loglevel", logging.INFO) <= logging.DEBUG)
