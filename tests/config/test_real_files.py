"""Configuration files as people write them: they load, with the values their authors meant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gunicorn.config import Config, sources

FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "formula": (
        "import multiprocessing\n\nbind = '0.0.0.0:8000'\n"
        "workers = multiprocessing.cpu_count() * 2 + 1\n",
        {"workers": (os.cpu_count() or 1) * 2 + 1},
    ),
    "environment": (
        "import os\n\nbind = os.getenv('BIND', ':5000')\n"
        "workers = int(os.environ.get('WORKERS', 3))\n"
        "loglevel = os.environ.get('LOG_LEVEL', 'INFO')\n",
        {"bind": [":5000"], "workers": 3, "loglevel": "info"},
    ),
    "container": (
        "import json\nimport multiprocessing\nimport os\n\n"
        "workers_per_core_str = os.getenv('WORKERS_PER_CORE', '1')\n"
        "max_workers_str = os.getenv('MAX_WORKERS')\n"
        "use_max_workers = None\n"
        "if max_workers_str:\n    use_max_workers = int(max_workers_str)\n"
        "host = os.getenv('HOST', '0.0.0.0')\nport = os.getenv('CONTAINER_PORT', '80')\n"
        "use_bind = f'{host}:{port}'\n"
        "cores = multiprocessing.cpu_count()\n"
        "web_concurrency = max(int(float(workers_per_core_str) * cores), 2)\n"
        "accesslog_var = os.getenv('ACCESS_LOG', '-')\n"
        "use_accesslog = accesslog_var or None\n"
        "workers = web_concurrency\nbind = use_bind\naccesslog = use_accesslog\n"
        "worker_tmp_dir = '/dev/shm'\ngraceful_timeout = int('120')\ntimeout = int('120')\n"
        "keepalive = int('5')\n\n"
        "log_data = {'workers': workers, 'bind': bind, 'host': host, 'port': port}\n"
        "print(json.dumps(log_data))\n",
        {"bind": ["0.0.0.0:80"], "timeout": 120, "accesslog": "-"},
    ),
    "hooks": (
        "def on_starting(server):\n    server.log.info('starting')\n\n"
        "def post_fork(server, worker):\n    server.log.info('spawned %s', worker.pid)\n\n"
        "def pre_fork(server, worker):\n    pass\n\n"
        "def pre_exec(server):\n    server.log.info('Forked child, re-executing.')\n\n"
        "def when_ready(server):\n    server.log.info('Server is ready. Spawning workers')\n\n"
        "def worker_int(worker):\n    import sys, threading, traceback\n"
        "    names = {th.ident: th.name for th in threading.enumerate()}\n\n"
        "def worker_abort(worker):\n    worker.log.info('worker received SIGABRT signal')\n",
        {},
    ),
    "prometheus": (
        "from collections import deque as multiprocess\n\n"
        "def child_exit(server, worker):\n    multiprocess.mark_process_dead(worker.pid)\n",
        {},
    ),
    "timing": (
        "import time\n\n\ndef pre_request(worker, req):\n    req.started = time.time()\n\n\n"
        "def post_request(worker, req, *args):\n    total = time.time() - req.started\n",
        {},
    ),
    "django on a socket": (
        "name = 'shop'\nuser = 'root'\ngroup = 'root'\nbind = 'unix:///srv/shop/run/socket'\n"
        "pythonpath = '/srv/shop'\nraw_env = ['DJANGO_SETTINGS_MODULE=shop.settings']\n"
        "pidfile = '/run/shop.pid'\ndaemon = False\ndebug = False\npreload_app = True\n"
        "errorlog = '/var/log/shop/error.log'\nproc_name = name\numask = 0o007\n",
        {"proc_name": "shop", "umask": 7, "user": 0},
    ),
    "class": (
        "from gunicorn.workers.base import Worker\n\n\nclass ShopWorker(Worker):\n    pass\n\n\n"
        "worker_class = ShopWorker\n",
        {},
    ),
    "logger": (
        "import logging\n\nclass NoHealth(logging.Filter):\n"
        "    def filter(self, record):\n        return '/health' not in record.getMessage()\n\n"
        "def on_starting(server):\n    server.log.access_log.addFilter(NoHealth())\n\n"
        'access_log_format = \'{"ip":"%(h)s","time":"%(t)s","status":"%(s)s"}\'\n'
        "accesslog = errorlog = '-'\n",
        {"accesslog": "-", "errorlog": "-"},
    ),
    "tls": (
        "import ssl\n\ncertfile = '/etc/ssl/c.pem'\nkeyfile = '/etc/ssl/k.pem'\n"
        "cert_reqs = ssl.CERT_REQUIRED\nca_certs = '/etc/ssl/ca.pem'\n"
        "ssl_version = ssl.PROTOCOL_TLS_SERVER\ndo_handshake_on_connect = True\n\n"
        "def ssl_context(conf, default_ssl_context_factory):\n"
        "    context = default_ssl_context_factory()\n"
        "    context.minimum_version = ssl.TLSVersion.TLSv1_3\n    return context\n",
        {"cert_reqs": 2},
    ),
    "generated": (
        "bind, workers = '127.0.0.1:9000', 4\nfor _name, _value in {'timeout': 9}.items():\n"
        "    globals()[_name] = _value\n",
        {"timeout": 9, "workers": 4},
    ),
    "proxy": (
        "forwarded_allow_ips = '*'\nsecure_scheme_headers = {'X-FORWARDED-PROTO': 'https'}\n"
        "proxy_allow_ips = '10.0.0.0/8, 127.0.0.1'\nproxy_protocol = True\n"
        "x_forwarded_for_header = 'X-Real-IP'\n",
        {"forwarded_allow_ips": ["*"], "proxy_allow_ips": ["10.0.0.0/8", "127.0.0.1"]},
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_file_loads(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("BIND", "WORKERS", "LOG_LEVEL", "HOST", "MAX_WORKERS", "ACCESS_LOG"):
        monkeypatch.delenv(variable, raising=False)
    text, values = FILES[name]
    path = tmp_path / "conf.py"
    path.write_text(text)
    cfg = Config()
    sources.apply_file(cfg, str(path))
    assert {key: cfg.settings[key].value for key in values} == values
    without_effect = {word for word in sources.WITHOUT_EFFECT if f"\n{word} = " in text}
    if "\nworker_tmp_dir = " in text:
        without_effect.add("worker_tmp_dir")
    assert {line.partition(",")[0] for line in cfg.warnings} == without_effect
