"""One fork: from a worker object in the master to a process that serves, and to its exit status.

Signals are held back around the fork. The child would otherwise answer them with the master's
handlers, whose pipe it shares: a TERM for the child would stop the master.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable

from gunicorn.errors import ExitStatus, explain
from gunicorn.system import daemonize, proctitle, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["be_worker", "fork_worker"]


def fork_worker(
    server: Any, worker: Any, signums: Iterable[int], forget: Callable[[], None]
) -> int:
    """Fork; in the child run ``worker`` to its end, in the master give the pid.

    ``signums`` are those the master handles; ``forget`` closes, in the child, what is the
    master's alone. Raises OSError when the machine has no room for a process.
    """
    with signals.blocked():
        pid = os.fork()
        if pid == 0:
            status: int = ExitStatus.UNEXPECTED
            try:
                status = be_worker(server, worker, signums, forget)
            except BaseException:
                traceback.print_exc()
            finally:
                # Never back up the stack: every frame above is the master's.
                os._exit(status)
    return pid


def be_worker(server: Any, worker: Any, signums: Iterable[int], forget: Callable[[], None]) -> int:
    """In a process just forked, with signals held back: be ``worker``; give the exit status."""
    worker.pid = os.getpid()
    signal.set_wakeup_fd(-1)
    signals.reset({*signums, signal.SIGCHLD})
    # Until the worker has set up its own signals a request to reopen the logs must not be its end.
    signal.signal(signal.SIGUSR1, worker.handle_usr1)
    forget()
    daemonize.forget_launcher()
    worker.tmp.keep_worker_side()
    worker.tmp.notify()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    # Kept until the very end: letting go of it would run down the frames of whatever the worker was
    # doing when a signal told it to leave.
    ending = _run(server, worker)
    status = _judge(worker, ending)
    worker.log.info("Worker exiting (pid: %s)", worker.pid)
    try:
        worker.cfg.worker_exit(server, worker)
    except Exception:
        worker.log.exception("Exception in worker_exit hook")
    _finish_interpreter()
    return status


def _run(server: Any, worker: Any) -> BaseException | None:
    """Boot and serve; give the exception that ended it, if one did. No signal to go comes then."""
    is_begun = False
    ending: BaseException | None = None
    while True:
        try:
            if not is_begun:
                is_begun = True
                proctitle.set_title(f"worker [{server.proc_name}]")
                worker.log.info("Booting worker with pid: %s", worker.pid)
                worker.cfg.post_fork(server, worker)
                worker.init_process()
            signals.ignore((signal.SIGTERM, signal.SIGINT, signal.SIGQUIT))
            return ending
        except BaseException as exc:
            # The second is raised by a signal that finds the worker on its way out.
            ending = ending or exc


def _judge(worker: Any, ending: BaseException | None) -> int:
    """Log and report what ended the worker; give its exit status."""
    if ending is None:
        return ExitStatus.OK
    if isinstance(ending, SystemExit):
        return _status_of(worker, ending)
    text = explain(ending)
    worker.log.error("Exception in worker process:\n%s", text)
    if worker.booted:
        return ExitStatus.UNEXPECTED
    worker.tmp.mark_failed(text, ExitStatus.WORKER_BOOT)
    return int(worker.tmp.failed_with)


def _status_of(worker: Any, ending: SystemExit) -> int:
    if ending.code is None:
        status: int = ExitStatus.OK
    elif isinstance(ending.code, int):
        status = ending.code & 0xFF
    else:
        worker.log.error("Worker (pid:%s): %s", worker.pid, ending.code)
        status = ExitStatus.FAILURE
    if not worker.booted and status != ExitStatus.OK:
        worker.tmp.mark_failed(f"the worker called exit({ending.code!r}) while it booted", status)
    return status


def _finish_interpreter() -> None:
    """Do what the end of a program owes its libraries, as multiprocessing does after its forks."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass
