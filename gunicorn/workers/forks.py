"""What an application forks is no worker.

A child made by ``os.fork`` (``multiprocessing``, a program with ``preexec_fn``) has all that its
worker has: the clients' sockets, the listeners, the page the master reads, the handlers of signals.
So it is cut off as it begins: its signals are those of any program, its copies of what leads to
clients and to the master lead nowhere, and if it comes back from the request it ends.

Rules: once for a worker's whole offspring, for a grandchild's descriptors are its own; and nothing
that the worker and the child share is changed, only the child's numbers for it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["cut_off_children", "ending_children"]


def cut_off_children(
    worker: Any, descriptors: Callable[[], Iterable[int]], end_on_return: Callable[[], None]
) -> None:
    """Have every child that ``worker`` forks from now on cut off.

    ``descriptors()`` gives those by which the worker knows its clients, at that moment;
    ``end_on_return()`` sees to it that the child ends when it comes back from the request.
    """
    is_cut_off = False
    mask = threading.local()

    def hold_signals() -> None:
        # What reaches the child before it has handlers of its own would be handled as the worker's.
        mask.before = signal.pthread_sigmask(signal.SIG_BLOCK, worker.SIGNALS)

    def let_signals() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask.before)

    def become_child() -> None:
        try:
            cut_off()
        finally:
            let_signals()

    def cut_off() -> None:
        nonlocal is_cut_off
        if is_cut_off:
            return
        is_cut_off = True
        signal.set_wakeup_fd(-1)
        for signum in worker.SIGNALS:
            signal.signal(signum, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for fd in [*descriptors(), *worker.PIPE, *(one.fileno() for one in worker.sockets)]:
            if fd >= 0:
                os.dup2(nowhere, fd, inheritable=False)
        os.close(nowhere)
        worker.tmp.part()
        end_on_return()

    os.register_at_fork(
        before=hold_signals, after_in_parent=let_signals, after_in_child=become_child
    )


def ending_children(application: Any) -> Any:
    """Return an application whose children end when it returns, for HTTP that is not ours."""
    worker = os.getpid()

    def ending(environ: Any, start_response: Any) -> Any:
        try:
            return application(environ, start_response)
        finally:
            if os.getpid() != worker:
                os._exit(1)

    return ending
