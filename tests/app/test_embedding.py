"""Programs that contain the server, written as people write them, and the ways to start it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.harness.environments import environment
from tests.harness.launcher import Launched

#: today's form: no command line, options from the program
STANDALONE = """
from gunicorn.app.base import BaseApplication

def handler(environ, start_response):
    body = b"standalone " + environ["SERVER_SOFTWARE"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]

class StandaloneApplication(BaseApplication):
    def __init__(self, app, options=None):
        self.options = options or {}
        self.application = app
        super().__init__()

    def load_config(self):
        config = {key: value for key, value in self.options.items()
                  if key in self.cfg.settings and value is not None}
        for key, value in config.items():
            self.cfg.set(key.lower(), value)

    def load(self):
        return self.application

if __name__ == "__main__":
    options = {"bind": "127.0.0.1:0", "workers": 2, "unheard_of": 1, "timeout": None}
    StandaloneApplication(handler, options).run()
"""

#: the form of 0.17: the command line is parsed, and init() has a word
CLASSIC = """
import json
from gunicorn.app.base import Application

class Classic(Application):
    def init(self, parser, opts, args):
        self.args = args
        parser.get_default("workers")
        return {"BIND": "127.0.0.1:0", "workers": "2", "timeout": 99, "post_fork": post_fork}

    def load(self):
        def app(environ, start_response):
            cfg = self.cfg
            body = json.dumps([self.args, cfg.workers, cfg.timeout, self.prog, self.usage]).encode()
            start_response("200 OK", [("Content-Length", str(len(body)))])
            return [body]
        return app

def post_fork(server, worker):
    server.log.info("forked by %s", server.pid)

if __name__ == "__main__":
    Classic("%(prog)s [OPTIONS] THINGS", prog="classic").run()
"""

#: a subclass of the master, as embedders of today have
ARBITER = """
import sys
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

class Master(Arbiter):
    def handle_hup(self):
        self.log.info("HUP is mine")

class App(BaseApplication):
    def load_config(self):
        self.cfg.set("bind", "127.0.0.1:0")

    def load(self):
        from tests.apps.basic import hello
        return hello

    def run(self):
        Master(self).run()

App().run()
"""

#: Bottle's own adapter
BOTTLE = """
import bottle

@bottle.get("/")
def index():
    return "hello from bottle"

bottle.run(server="gunicorn", host="127.0.0.1", port=0, workers=2, quiet=True)
"""


APP = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"shop"]
"""


def launch(program: str, *words: str, requirements: tuple[str, ...] = ()) -> Launched:
    python = environment(*requirements).python
    return Launched(python, "program.py", *words, files={"program.py": program})


def test_options_from_the_program() -> None:
    with launch(STANDALONE) as server:
        assert server.get().body.startswith(b"standalone gunicorn/")
        assert len(server.worker_pids()) == 2


def test_options_from_init_are_weaker_than_flags() -> None:
    with launch(CLASSIC, "-w", "1", "one", "two") as server:
        expected = [["one", "two"], 1, 99, "classic", "%(prog)s [OPTIONS] THINGS"]
        assert server.get().json() == expected
        server.wait_log(f"forked by {server.pid}", start=0)


def test_master_of_the_program() -> None:
    with launch(ARBITER) as server:
        with server.log_contains("HUP is mine"):
            server.signal(signal.SIGHUP)
        assert server.get().status == 200


def test_bottle_runs_the_server() -> None:
    with launch(BOTTLE, requirements=("bottle",)) as server:
        assert server.get().body == b"hello from bottle"
        assert len(server.worker_pids()) == 2


@pytest.mark.parametrize("module", ["gunicorn", "gunicorn.app.wsgiapp"])
def test_module_is_the_command(module: str) -> None:
    command = ["-m", module, "--bind", "{bind}", "tests.apps.basic:hello"]
    with Launched(environment().python, *command) as server:
        assert server.get().status == 200


def test_installed_commands(installed: Path) -> None:
    scripts = {path.name for path in (installed / "bin").iterdir()}
    assert scripts == {"gunicorn", "gunicorn_django", "gunicorn_paster", "gunicornctl"}
    command = [
        installed / "bin" / "gunicorn",
        "--bind",
        "{bind}",
        "-k",
        "egg:gunicorn#sync",
        "shop:app",
    ]
    with Launched(
        environment().python, *command, house=installed, files={"shop.py": APP}
    ) as server:
        assert server.get().body == b"shop"
