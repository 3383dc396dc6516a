"""The functions of a configuration file that the server calls.

``server`` is the ``Arbiter``, ``worker`` the worker object. The manual says in which process each
runs: those that run in the master should be quick, nothing else happens meanwhile.
"""

from __future__ import annotations

from gunicorn.config.setting import Setting
from gunicorn.config.validators import validate_callable, validate_post_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SECTION = "Server Hooks"


class ServerHook(Setting):
    """A hook that is called with the server."""

    section = SECTION
    validator = validate_callable(1)
    accepts = "a function of 1 parameter"

    def default(server: Any) -> None:  # noqa: N805
        pass


class WorkerHook(Setting):
    """A hook that is called with the worker."""

    section = SECTION
    validator = validate_callable(1)
    accepts = "a function of 1 parameter"

    def default(worker: Any) -> None:  # noqa: N805
        pass


class PairHook(Setting):
    """A hook that is called with the server and a worker."""

    section = SECTION
    validator = validate_callable(2)
    accepts = "a function of 2 parameters"

    def default(server: Any, worker: Any) -> None:  # noqa: N805
        pass


class OnStarting(ServerHook):
    name = "on_starting"
    desc = """\
        ``on_starting(server)``: called in the master, once, before it listens.
        """


class OnReload(ServerHook):
    name = "on_reload"
    desc = """\
        ``on_reload(server)``: called in the master by a reload, before the new workers are started.
        """


class WhenReady(ServerHook):
    name = "when_ready"
    desc = """\
        ``when_ready(server)``: called in the master once it listens, before the first worker.
        """


class Prefork(PairHook):
    name = "pre_fork"
    desc = """\
        ``pre_fork(server, worker)``: called in the master just before a worker is forked.
        """


class Postfork(PairHook):
    name = "post_fork"
    desc = """\
        ``post_fork(server, worker)``: called in a new worker, before it switches user.

        The application is not loaded yet.
        """


class PostWorkerInit(WorkerHook):
    name = "post_worker_init"
    desc = """\
        ``post_worker_init(worker)``: called in a worker that has loaded the application.
        """


class WorkerInt(WorkerHook):
    name = "worker_int"
    desc = """\
        ``worker_int(worker)``: called in a worker that is told to stop quickly (INT or QUIT).
        """


class WorkerAbort(WorkerHook):
    name = "worker_abort"
    desc = """\
        ``worker_abort(worker)``: called in a worker that has timed out and is about to be killed.
        """


class PreRequest(Setting):
    name = "pre_request"
    section = SECTION
    validator = validate_callable(2)
    accepts = "a function of 2 parameters"

    def default(worker: Any, req: Any) -> None:  # noqa: N805
        worker.log.debug("%s %s", req.method, req.path)

    desc = """\
        ``pre_request(worker, req)``: called in a worker before it serves a request.

        The default writes method and path to the error log at level ``debug``.
        """


class PostRequest(Setting):
    name = "post_request"
    section = SECTION
    validator = validate_post_request

    def default(worker: Any, req: Any, environ: Any, resp: Any) -> None:  # noqa: N805
        pass

    desc = """\
        ``post_request(worker, req, environ, resp)``: called in a worker after each request.

        Also after those that failed; ``resp`` is None when there was no response. What the hook
        raises is logged and forgotten. Functions without ``resp``, or without ``environ`` and
        ``resp``, work too.
        """


class ChildExit(PairHook):
    name = "child_exit"
    desc = """\
        ``child_exit(server, worker)``: called in the master after a worker has ended.

        ``worker.pid`` is the process id it had.
        """


class PreExec(ServerHook):
    name = "pre_exec"
    desc = """\
        ``pre_exec(server)``: called by USR2 in the child that is about to become the new master.

        It may change ``os.environ``; ``server.pid`` is the old master's.
        """


class WorkerExit(PairHook):
    name = "worker_exit"
    desc = """\
        ``worker_exit(server, worker)``: called in a worker that is about to end.
        """


class NumWorkersChanged(Setting):
    name = "nworkers_changed"
    section = SECTION
    validator = validate_callable(3)
    accepts = "a function of 3 parameters"

    def default(server: Any, new_value: Any, old_value: Any) -> None:  # noqa: N805
        pass

    desc = """\
        ``nworkers_changed(server, new_value, old_value)``: called in the master with the count.

        The first time, before any other hook, ``old_value`` is None.
        """


class OnExit(ServerHook):
    name = "on_exit"
    desc = """\
        ``on_exit(server)``: called in the master just before it ends.
        """
