"""The process that has imported the application and forks workers from itself.

It gives up its privileges first, so that no code of the application ever runs with more than a
worker has; then it imports, freezes what the garbage collector would otherwise touch in every
worker, and waits for orders. A worker is its grandchild: the child in between ends at once, the
master, which adopts orphans, becomes the parent, and reaps and judges that worker as any other.

Orders and answers are one JSON object per packet; the first order of a worker's life carries its
share of the slot. What the master holds of it is ``Zygote``; the rest of the file runs in it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import traceback
from collections.abc import Iterable

# By name: gevent puts others into the module, which would run its hub in this process.
from os import fork, waitpid

from gunicorn.errors import ExitStatus
from gunicorn.master import spawn
from gunicorn.system import clock, daemonize, identity, memory, proctitle, reaper, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

__all__ = ["Zygote", "start"]

#: a fork takes milliseconds; one that takes longer has stopped or hangs
PATIENCE_SECONDS = 10.0

_PACKET = 4096


class Zygote:
    """A zygote as the master knows it."""

    def __init__(
        self, pid: int, generation: int, slot: memory.WorkerSlot, orders: socket.socket
    ) -> None:
        self.pid = pid
        self.generation = generation
        self.slot = slot
        self.spawned_at = clock.monotonic()
        self.is_ready = False
        #: it has been told to go
        self.is_dismissed = False
        self.killed_for = ""
        self.failure = ""
        self.failure_status = 0
        self._orders = orders
        orders.settimeout(PATIENCE_SECONDS)

    def fork(self, worker: Any) -> int:
        """Have a worker forked that shares the slot of ``worker``; give its pid. Raises OSError."""
        page = worker.tmp.make_portable()
        try:
            order = json.dumps({"fork": worker.age}).encode()
            socket.send_fds(self._orders, [order], [page, worker.tmp.writer])
        finally:
            os.close(page)
        data = self._orders.recv(_PACKET)
        answer: dict[str, Any] = json.loads(data) if data else {"error": "the zygote has gone"}
        if "error" in answer:
            raise OSError(answer["error"])
        return int(answer["pid"])

    def reopen_logs(self) -> None:
        """Have it write to reopened log files, and so every worker it forks from now on."""
        try:
            self._orders.send(b'{"reopen": true}')
        except OSError:
            pass  # its death will be noticed where children are reaped

    def dismiss(self) -> None:
        """End it; its workers stay."""
        if not self.is_dismissed:
            self.is_dismissed = True
            os.kill(self.pid, signal.SIGKILL)  # not reaped yet, so the pid is still its own

    def close(self) -> None:
        """Let go of what this process holds of it."""
        self._orders.close()
        self.slot.close()


def start(server: Any, signums: Iterable[int]) -> Zygote:
    """Fork a zygote for the present generation of ``server``. Raises OSError."""
    reaper.adopt_orphans()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    slot = memory.WorkerSlot()
    try:
        with signals.blocked():
            pid = fork()
            if pid == 0:
                ours.close()
                _be_zygote(server, theirs, slot, signums)
    except OSError:
        slot.close()
        ours.close()
        raise
    finally:
        theirs.close()
    slot.keep_master_side()
    return Zygote(pid, server.generation, slot, ours)


# -- in the zygote ---------------------------------------------------------------------------------


def _be_zygote(
    server: Any, orders: socket.socket, slot: memory.WorkerSlot, signums: Iterable[int]
) -> NoReturn:
    status: int = ExitStatus.UNEXPECTED
    try:
        signal.set_wakeup_fd(-1)
        # A terminal signals the whole group, and a stray HUP is not worth a life: the master says
        # what it wants by the socket. TERM is left as it is, for whoever wants it gone by hand.
        for signum in {*signums} - {signal.SIGTERM}:
            signal.signal(signum, signal.SIG_IGN)
        signals.reset({signal.SIGTERM, signal.SIGCHLD})
        server.forget_for_child()
        daemonize.forget_launcher()
        slot.keep_worker_side()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
        proctitle.set_title(f"zygote [{server.proc_name}]")
        status = _load(server, slot)
        if status == ExitStatus.OK:
            _take_orders(server, orders, slot, signums)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _load(server: Any, slot: memory.WorkerSlot) -> int:
    """Import the application, without privileges; give the exit status of the attempt."""
    try:
        cfg = server.cfg
        identity.switch(cfg.uid, cfg.gid, bool(cfg.initgroups))
        identity.drop_capabilities()
        reaper.die_with_parent(signal.SIGKILL)
        if os.getppid() != server.pid:
            return ExitStatus.FAILURE  # it died before the kernel knew that we care
        # A collection during the import would leave holes between what stays: workers fill them,
        # and each gets its own copy of the page.
        gc.disable()
        _patch(server)
        server.app.wsgi()
    except BaseException as exc:
        text = "".join(traceback.format_exception(exc))
        server.log.error("The application cannot be loaded:\n%s", text)
        slot.mark_failed(text, ExitStatus.APP_LOAD)
        return ExitStatus.APP_LOAD
    # What lives now lives as long as the process: the collector need not write to it again, and
    # pages that nobody writes to are shared.
    gc.freeze()
    gc.enable()
    slot.mark_ready()
    return ExitStatus.OK


def _patch(server: Any) -> None:
    """Have a worker class that changes the standard library do so before the application sees it.

    Its workers do it once more, which changes nothing, and make the hub that a fork has spoiled.
    """
    if hasattr(server.worker_class, "patch"):
        worker = _make_worker(server, 0)
        worker.patch()
        worker.tmp.close()


def _make_worker(server: Any, age: int) -> Any:
    cfg = server.cfg
    return server.worker_class(
        age, server.pid, server.LISTENERS, server.app, cfg.timeout / 2.0, cfg, server.log
    )


def _take_orders(
    server: Any, orders: socket.socket, slot: memory.WorkerSlot, signums: Iterable[int]
) -> None:
    while True:
        data, fds, _flags, _address = socket.recv_fds(orders, _PACKET, 2)
        if not data:
            return  # the master has gone
        order = json.loads(data)
        if "reopen" in order:
            server.log.reopen_files()
            continue
        try:
            pid = _fork_twice(server, order["fork"], fds, (orders, slot), signums)
            answer: dict[str, Any] = {"pid": pid}
        except OSError as exc:
            answer = {"error": str(exc)}
        finally:
            for fd in fds:
                os.close(fd)
        orders.send(json.dumps(answer).encode())


def _fork_twice(
    server: Any, age: int, fds: list[int], ours: tuple[Any, Any], signums: Iterable[int]
) -> int:
    """Fork a worker that is nobody's child but the master's; give its pid."""
    told, tell = os.pipe()  # the worker's pid, from the child in between
    go, let_go = os.pipe()  # to the worker: it has its new parent
    try:
        with signals.blocked():
            between = fork()
            if between == 0:
                _be_between(server, age, fds, ours, signums, (told, tell, go, let_go))
        os.close(tell)
        tell = -1
        text = os.read(told, 32)
        waitpid(between, 0)  # from now on the worker is an orphan, that is, the master's
        if not text:
            raise OSError("the worker could not be forked")
        os.write(let_go, b"x")
        return int(text)
    finally:
        for fd in (told, tell, go, let_go):
            if fd >= 0:
                os.close(fd)


def _be_between(
    server: Any,
    age: int,
    fds: list[int],
    ours: tuple[Any, Any],
    signums: Iterable[int],
    pipes: tuple[int, int, int, int],
) -> NoReturn:
    told, tell, go, let_go = pipes
    status: int = ExitStatus.UNEXPECTED
    try:
        pid = fork()
        if pid:
            os.write(tell, b"%d" % pid)
            os._exit(0)
        for fd in (told, tell, let_go):
            os.close(fd)
        is_wanted = os.read(go, 1) == b"x"
        os.close(go)
        if is_wanted:
            status = _be_worker(server, age, fds, ours, signums)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _be_worker(
    server: Any, age: int, fds: list[int], ours: tuple[Any, Any], signums: Iterable[int]
) -> int:
    worker = _make_worker(server, age)
    worker.tmp.attach(*fds)

    def forget() -> None:
        for one in ours:
            one.close()

    return spawn.be_worker(server, worker, signums, forget)
