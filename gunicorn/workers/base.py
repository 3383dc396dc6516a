"""What every worker is to the master, to hooks and to plugins, whatever it serves with.

A worker is built in the master, forked, and then lives in ``init_process``, which enters ``run``.
Subclasses override ``run`` and, if they have a loop of their own, ``init_signals``. Rules: the
handlers of signals set ``alive`` and return (TERM) or leave at once (QUIT, INT, ABRT); nothing here
reads or writes a client except ``handle_error``, which says why a request was not served.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from gunicorn.errors import ExitStatus, explain
from gunicorn.http import errors, response
from gunicorn.system import fds, identity
from gunicorn.system.memory import WorkerSlot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["LeaveNow", "Worker"]


class LeaveNow(SystemExit):
    """Raised by a signal's handler wherever the worker is: it leaves now, the request with it.

    A class of its own, so that an application's ``sys.exit()`` can be told from it. What is raised
    in a destructor or in a weak reference's callback, Python drops: the worker notes that, and the
    next signal raises again. The master repeats it every second to whom it wants gone at once.
    """


class Worker:
    """One process that serves; see the manual's chapter on hooks for the attributes they use."""

    #: signals whose default action is restored before ours are set; plugins iterate over it
    SIGNALS: Sequence[int] = tuple(
        getattr(signal, f"SIG{name}")
        for name in ("ABRT", "HUP", "QUIT", "INT", "TERM", "USR1", "USR2", "WINCH", "CHLD")
    )
    #: reading and writing end of the pipe that ends a wait when a signal arrives
    PIPE: list[int] = []

    def __init__(
        self,
        age: int,
        ppid: int,
        sockets: list[Any],
        app: Any,
        timeout: float,
        cfg: Any,
        log: Any,
    ) -> None:
        """Called in the master. ``timeout`` is half of ``cfg.timeout``, the time between beats."""
        self.age = age
        self.ppid = ppid
        self.sockets = sockets
        self.app = app
        self.timeout = timeout
        self.cfg = cfg
        self.log = log
        #: the process id of the worker, in whichever process it is read; 0 before the fork
        self.pid = 0
        self.booted = False
        self.aborted = False
        self.alive = True
        #: requests begun
        self.nr = 0
        self.max_requests = _life(cfg.max_requests, cfg.max_requests_jitter)
        self.debug = cfg.debug
        self.tmp = WorkerSlot()
        self._is_loading = False
        #: LeaveNow is on its way up; and the hook ``worker_int`` has been called
        self._is_leaving = self._is_interrupted = False
        #: the application; loaded by ``load_wsgi``
        self.wsgi: Any = None
        #: the response under way, for who must know that another will not follow
        self.answering: Any = None
        #: what an idle worker waits for
        self.wait_fds: list[Any] = []
        #: with the setting ``reload``: what watches the code
        self.reloader: Any = None

    def __str__(self) -> str:
        return f"<Worker {self.pid}>"

    def notify(self) -> None:
        """Beat: the master kills a worker that is silent for ``cfg.timeout`` seconds."""
        self.tmp.notify()

    # -- the life of a worker ----------------------------------------------------------------------

    def init_process(self) -> None:
        """Become a worker in the forked child, and run. Overriders call this last.

        What it raises before ``booted`` is a failure to boot, which the master reports.
        """
        self.pid = os.getpid()
        # The user first: from here on nothing is done with rights the application must not have.
        identity.switch(self.cfg.uid, self.cfg.gid, bool(self.cfg.initgroups))
        identity.drop_capabilities()

        self.PIPE = list(os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC))
        for listener in self.sockets:
            fds.close_on_exec(listener)
        self.log.close_on_exec()
        self.wait_fds = [*self.sockets, self.PIPE[0]]
        # Before the application is imported: importing may take long, and TERM must end it.
        self._note_dropped()
        self.init_signals()
        self._show_stacks()

        if self.cfg.reload:
            from gunicorn.workers import reloader  # for development only

            self.reloader = reloader.Reloader(self)
            self.reloader.start()
        self.load_wsgi()
        if self.reloader is not None:
            self.reloader.arm()
        self.booted = True
        self.cfg.post_worker_init(self)
        self.tmp.mark_ready()
        self.run()

    def load_wsgi(self) -> None:
        """Import the application. What it raises keeps the worker from booting."""
        self._is_loading = True
        # A system call of an import that restarts by itself would keep TERM waiting.
        signal.siginterrupt(signal.SIGTERM, True)
        try:
            self.wsgi = self.app.wsgi()
        except LeaveNow:
            raise
        except BaseException as exc:
            if self.reloader is not None:
                self.log.exception(
                    "The application cannot be loaded; waiting for its code to change"
                )
                self.wsgi = self.reloader.explain(exc)
            elif isinstance(exc, Exception):
                # Not any failure to boot: the application's, with an exit status of its own.
                self.tmp.mark_failed(explain(exc), ExitStatus.APP_LOAD)
                raise
            else:
                raise
        finally:
            signal.siginterrupt(signal.SIGTERM, False)
            self._is_loading = False

    def run(self) -> None:
        """Serve until ``alive`` is false, calling ``notify`` at least every ``timeout`` seconds."""
        raise NotImplementedError

    def is_parent_alive(self) -> bool:
        """Whether the master that forked this worker still is; says so in the log when not."""
        if self.ppid != os.getppid():
            self.log.info("Parent changed, shutting down: %s", self)
            return False
        return True

    def ask_replacement(self) -> None:
        """Ask the master for a successor, having served ``max_requests``.

        Nothing else changes: this worker serves until the successor is ready and TERM comes.
        """
        self.log.info("Autorestarting worker after current request.")
        self.tmp.ask_replacement()

    # -- signals -----------------------------------------------------------------------------------

    def init_signals(self) -> None:
        """Set the handlers, and have the C half of each signal write to ``PIPE``."""
        for signum in self.SIGNALS:
            signal.signal(signum, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, self.handle_exit)
        signal.signal(signal.SIGQUIT, self.handle_quit)
        signal.signal(signal.SIGINT, self.handle_quit)
        signal.signal(signal.SIGABRT, self.handle_abort)
        signal.signal(signal.SIGUSR1, self.handle_usr1)
        signal.signal(signal.SIGWINCH, self.handle_winch)
        # An application's system calls do not fail because logs were rotated or a stop was asked.
        signal.siginterrupt(signal.SIGTERM, False)
        signal.siginterrupt(signal.SIGUSR1, False)
        if self.PIPE:
            signal.set_wakeup_fd(self.PIPE[1], warn_on_full_buffer=False)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """TERM: finish what has begun, then leave; while the application loads nothing has."""
        self.alive = False
        if self._is_loading:
            self._leave()
        # A client that is told so sends its next request elsewhere, instead of into a closed door.
        # One that was promised another request keeps its connection.
        if self.answering is not None and not self.answering.headers_sent:
            self.answering.force_close()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """QUIT and INT: leave now."""
        self.alive = False
        if not self._is_interrupted:
            self._is_interrupted = True
            self.cfg.worker_int(self)
        self._leave()

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        """ABRT: the master has found this worker silent."""
        self.alive = False
        self.aborted = True
        self.cfg.worker_abort(self)
        # Also where it was leaving: whatever it does on its way takes too long.
        self._is_leaving = True
        raise LeaveNow(1)

    def handle_usr1(self, sig: int, frame: FrameType | None) -> None:
        """USR1: write to reopened log files from now on."""
        self.log.reopen_files()
        self._show_stacks()
        self.tmp.mark_reopened()

    def _show_stacks(self) -> None:
        """Have ABRT, and what ends a crashing process, write all stacks to the error log first.

        From C: also when this worker is stuck where no handler of Python's is reached. The handler
        set before is called afterwards. Called again, it only changes the descriptor.
        """
        find = getattr(self.log, "error_fd", None)
        try:
            faulthandler.enable(file=find() if find is not None else 2, all_threads=True)
        except (OSError, RuntimeError, ValueError):
            pass  # no such descriptor, no such handlers: the worker ends as it did without

    def handle_winch(self, sig: int, frame: FrameType | None) -> None:
        """WINCH: the master's business; a terminal sends it to its whole group."""

    def _leave(self) -> None:
        # Raised twice it would cut off what the application does in its finally clauses. An import
        # has none that matter, and may catch everything ("except: json = None").
        if not self._is_leaving or self._is_loading:
            self._is_leaving = True
            raise LeaveNow(0)

    def _note_dropped(self) -> None:
        """Have what Python drops looked at: LeaveNow is to be raised again."""
        show = sys.unraisablehook

        def look(dropped: Any) -> None:
            if isinstance(dropped.exc_value, LeaveNow):
                self._is_leaving = False
            else:
                show(dropped)

        sys.unraisablehook = look

    # -- requests that went wrong ------------------------------------------------------------------

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Log ``exc`` and answer with the page of its status, best effort.

        For errors before a head was sent; ``req`` is None when the request could not be parsed.
        """
        started = time.monotonic()
        status, reason, message = 500, errors.REASONS[500], ""
        if isinstance(exc, errors.ProtocolError):
            status, reason, message = exc.status, exc.reason, exc.message
        if status < 500 or status == 501 or status == 505:
            peer = addr[0] if isinstance(addr, tuple) else addr
            self.log.warning("Invalid request from ip=%s: %s", peer, exc)
        elif isinstance(exc, errors.ProtocolError):
            self.log.error("Error handling request %s: %s", req.uri if req else "", exc)
        else:
            self.log.error(
                "Error handling request %s", req.uri if req else "(no URI read)", exc_info=exc
            )
        shown = ""
        if self.cfg.debug:
            import traceback  # for development only

            shown = "".join(traceback.format_exception(exc))
        page = response.error_page(status, reason, message, traceback=shown)
        if req is not None and req.method == "HEAD":
            page = page[: page.index(b"\r\n\r\n") + 4]
        try:
            client.send(page)
        except OSError:
            self.log.debug("Failed to send error message.")
        if req is not None and self.log.access_wanted:
            self._log_error_access(req, addr, f"{status} {reason}", len(page), started)

    def _log_error_access(
        self, req: Any, addr: Any, status: str, size: int, started: float
    ) -> None:
        """Write the access line of a request that was answered with an error page."""
        environ = {
            "REMOTE_ADDR": addr[0] if isinstance(addr, tuple) else "127.0.0.1",
            "REQUEST_METHOD": req.method,
            "RAW_URI": req.uri,
            "PATH_INFO": req.path,
            "QUERY_STRING": req.query,
            "SERVER_PROTOCOL": f"HTTP/{req.version[0]}.{req.version[1]}",
        }
        answer = _Answer(status, size)
        from datetime import timedelta  # most servers write no access log

        self.log.access(answer, req, environ, timedelta(seconds=time.monotonic() - started))


class _Answer:
    """What the access log asks of a response, for an error page."""

    def __init__(self, status: str, size: int) -> None:
        self.status = status
        self.sent = self.response_length = size
        self.headers: list[tuple[str, str]] = []


def _life(max_requests: int, jitter: int) -> int:
    """Give the number of requests after which a worker is replaced."""
    if max_requests <= 0:
        return sys.maxsize
    if jitter <= 0:
        return max_requests
    import random  # few servers have a jitter

    # Jitter keeps workers that started together from restarting together.
    return max_requests + random.randint(0, jitter)
