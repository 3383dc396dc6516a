"""How many workers, of which kind, and how long they may take."""

from gunicorn.config.setting import Setting
from gunicorn.config.validators import (
    validate_bool,
    validate_choice,
    validate_class,
    validate_pos_int,
    validate_size,
    whole_number,
)

SECTION = "Worker Processes"


class Workers(Setting):
    name = "workers"
    section = SECTION
    cli = ["-w", "--workers"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 1
    desc = """\
        The number of worker processes.

        Generally two to four for each processor core; try what suits the work of your application.
        The environment variable ``WEB_CONCURRENCY`` sets the default.
        """


class WorkerClass(Setting):
    name = "worker_class"
    section = SECTION
    cli = ["-k", "--worker-class"]
    meta = "STRING"
    validator = validate_class
    accepts = "the name of a worker type, egg:DIST#NAME, an import path or a class"
    default = "sync"
    desc = """\
        The type of the workers.

        ``sync`` suits most applications. ``gthread`` serves several requests at once with threads,
        ``gevent``, ``gevent_pywsgi`` and ``eventlet`` with green threads of the library in their
        names, ``tornado`` on the loop of that library. Any subclass of
        ``gunicorn.workers.base.Worker`` can be given: as a class in a configuration file, by its
        import path (``mypackage.MyWorker``), or as the entry point of a distribution
        (``egg:mydist#myworker``).
        """


class Threads(Setting):
    name = "threads"
    section = SECTION
    cli = ["--threads"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 1
    desc = """\
        The number of requests one worker of the class ``gthread`` serves at the same time.

        More than 1 with the class ``sync`` chooses ``gthread``. Other classes take no notice of it.
        """


class WorkerConnections(Setting):
    name = "worker_connections"
    section = SECTION
    cli = ["--worker-connections"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 1000
    desc = """\
        The number of connections one worker holds at the same time.

        Connections whose request is still arriving, whose response is still leaving, or that are
        kept alive all count. A worker that holds this many accepts no more until one is gone.
        """


class MaxRequests(Setting):
    name = "max_requests"
    section = SECTION
    cli = ["--max-requests"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 0
    desc = """\
        The number of requests after which a worker is replaced.

        A simple way to limit the damage of memory leaks. The worker goes on serving until its
        successor is ready, so it serves some more than this number. 0 means that workers are never
        replaced for this reason.
        """


class MaxRequestsJitter(Setting):
    name = "max_requests_jitter"
    section = SECTION
    cli = ["--max-requests-jitter"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 0
    desc = """\
        The most that is added at random to ``max_requests``, for each worker anew.

        It keeps the workers from being replaced all at once.
        """


class MaxWorkerRss(Setting):
    name = "max_worker_rss"
    section = SECTION
    cli = ["--max-worker-rss"]
    meta = "BYTES"
    validator = validate_size
    accepts = "a number of bytes, or text such as 512M or 2G"
    default = 0
    desc = """\
        The resident memory beyond which a worker is replaced.

        The master looks every few seconds. The worker goes on serving until its successor is ready,
        and one worker of a server is replaced at a time: this is a remedy against leaks, the limit
        of the service manager or the container is the one against disasters. 0 means no limit.
        """


class MaxWorkerAge(Setting):
    name = "max_worker_age"
    section = SECTION
    cli = ["--max-worker-age"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 0
    desc = """\
        The number of seconds after which a worker is replaced.

        The worker goes on serving until its successor is ready, and one worker of a server is
        replaced at a time. 0 means that workers are never replaced for this reason.
        """


class ReloadStrategy(Setting):
    name = "reload_strategy"
    section = SECTION
    cli = ["--reload-strategy"]
    meta = "STRING"
    validator = validate_choice("generation", "rolling")
    accepts = "generation or rolling"
    default = "generation"
    desc = """\
        How a reload goes from the old workers to the new ones.

        ``generation`` starts all new workers beside the old ones and retires the old ones when all
        new ones are ready; for that time it takes twice the memory. ``rolling`` starts one new
        worker at a time, and retires an old one for each that is ready: it takes the memory of one
        worker more, and the time of all imports one after another.
        """


class Timeout(Setting):
    name = "timeout"
    section = SECTION
    cli = ["-t", "--timeout"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 30
    desc = """\
        Workers silent for more than this many seconds are killed and replaced.

        For sync workers and the threads of ``gthread`` it is the longest a request may take in the
        application; raise it well beyond thirty seconds only when you know what that means for the
        other clients. A thread that is late costs no other request: its client is answered 503, and
        the worker is replaced when its other requests are done. Other worker types give signs of
        life whatever their requests do. 0 disables the check.
        """


class RequestTimeout(Setting):
    name = "request_timeout"
    section = SECTION
    cli = ["--request-timeout"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 0
    desc = """\
        The number of seconds a request may take in the application.

        For ``gthread``, ``gevent`` and ``eventlet``. At its end the stack is logged and the client
        is answered 503 with ``Retry-After``, unless its answer has begun. The worker takes no new
        requests and is replaced when its others are done. 0 means ``timeout`` in ``gthread``, and
        no limit in ``gevent`` and ``eventlet``. Other worker types cannot end one request alone:
        for ``sync`` the limit is ``timeout``.
        """


class GracefulTimeout(Setting):
    name = "graceful_timeout"
    section = SECTION
    cli = ["--graceful-timeout"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 30
    desc = """\
        The number of seconds a worker may take to finish its requests when it is told to stop.

        A worker that is still alive after that is killed. It applies to stop, reload, and to a
        reduced number of workers.
        """


class PreloadApp(Setting):
    name = "preload_app"
    section = SECTION
    cli = ["--preload"]
    action = "store_true"
    validator = validate_bool
    default = False
    desc = """\
        Import the application once and fork the workers from there.

        It saves memory, which workers then share, and the time of the imports when a worker is
        replaced. The importing process is started anew by every reload, so new code is loaded, and
        it gives up its privileges first: ``post_fork`` runs as the user of the workers. What the
        application opens or starts while it is imported (connections, threads) is copied by the
        forks or lost, so it should wait for the ``post_worker_init`` hook. Without effect together
        with ``reload``. Linux only.
        """


class BootTimeout(Setting):
    name = "boot_timeout"
    section = SECTION
    cli = ["--boot-timeout"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 60
    desc = """\
        The number of seconds a new worker may take until it is ready.

        It covers the import of the application. A worker that needs longer counts as one that
        failed to boot: a start ends with an error, and a reload is withdrawn while the old workers
        go on serving. 0 disables the check.
        """


class Keepalive(Setting):
    name = "keepalive"
    section = SECTION
    cli = ["--keep-alive"]
    meta = "INT"
    validator = validate_pos_int
    type = whole_number
    default = 2
    desc = """\
        The number of seconds to wait for the next request on a connection that is kept alive.

        Generally between 1 and 5 for clients that come directly; behind a proxy make it longer than
        the proxy keeps its connections. 0 closes each connection after its response.
        """
