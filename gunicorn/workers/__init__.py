"""The processes that serve: what a worker is, and the types of worker there are.

``SUPPORTED_WORKERS`` names the built-in types; a program that embeds the server may add its own.
Importing this package imports no worker.
"""

from __future__ import annotations

#: name for the ``worker_class`` setting -> ``module.Class``
SUPPORTED_WORKERS: dict[str, str] = {
    "sync": "gunicorn.workers.sync.SyncWorker",
    "gthread": "gunicorn.workers.gthread.ThreadWorker",
    "gevent": "gunicorn.workers.ggevent.GeventWorker",
    "gevent_wsgi": "gunicorn.workers.ggevent.GeventPyWSGIWorker",
    "gevent_pywsgi": "gunicorn.workers.ggevent.GeventPyWSGIWorker",
    "eventlet": "gunicorn.workers.geventlet.EventletWorker",
    "tornado": "gunicorn.workers.gtornado.TornadoWorker",
}
