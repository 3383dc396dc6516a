"""``preload_app``: imported once a generation, without privileges, and anew by every reload."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.blackbox.case import get
from tests.blackbox.test_lifecycle_reload import hang_up, reload_workers, replace
from tests.harness import Gate, Load, Server, classes, processes, run_gunicorn

APP = """\
import os

WORD, IMPORTER = b"{word}", os.getpid()

def application(environ, start_response):
    body = b"%s %d %d %d" % (WORD, IMPORTER, os.getpid(), os.getppid())
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def saying(word: str) -> str:
    return APP.format(word=word)


def files(word: str = "old") -> dict[str, str]:
    return {"shop.py": saying(word)}


def facts(server: Server) -> tuple[str, int, int, int]:
    """Give the word of the code, who imported it, who serves and whose child that is."""
    word, *pids = server.get().body.decode().split()
    return word, *map(int, pids)  # type: ignore[return-value]


def test_imported_once_by_a_process_that_is_no_worker() -> None:
    with Server("shop", "--preload", "--workers", "3", files=files()) as server:
        seen = {facts(server) for _ in range(20)}
        assert len({importer for _, importer, _, _ in seen}) == 1
        for _, importer, worker, parent in seen:
            assert parent == server.pid
            assert importer not in (server.pid, worker)
            assert processes.stat_of(importer) == ("S", server.pid)


def test_garbage_is_frozen_before_the_forks() -> None:
    """What a collection does not look at stays shared between zygote and workers."""
    code = """\
import gc
COUNT = len(gc.get_objects())
def application(environ, start_response):
    body = b"%d %d" % (gc.get_freeze_count() >= COUNT, gc.isenabled())
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
    with Server("shop", "--preload", files={"shop.py": code}) as server:
        assert server.get().body == b"1 1"


def test_reload_loads_new_code_under_the_same_master() -> None:
    with (
        Server("shop", "--preload", "--workers", "2", files=files()) as server,
        Load(server) as load,
    ):
        load.wait_answers(20)
        zygote = facts(server)[1]
        for number in range(5):
            replace(server.directory / "shop.py", saying(f"release{number}"))
            hang_up(server)
            word, importer, _, parent = facts(server)
            assert (word, parent) == (f"release{number}", server.pid)
            assert importer != zygote
            server.wait_gone(zygote)
            zygote = importer
        load.wait_answers(len(load.answers) + 20)
        assert load.failures == []


def test_code_that_does_not_load_keeps_the_old_serving() -> None:
    with Server("shop", "--preload", "--workers", "2", files=files(), expect_errors=True) as server:
        before = facts(server)[:2]
        replace(server.directory / "shop.py", "import no_such_module\n")
        said = hang_up(server)
        assert "Reload failed, generation 1 goes on" in said
        assert "No module named 'no_such_module'" in said
        assert facts(server)[:2] == before
        replace(server.directory / "shop.py", saying("mended"))
        assert "Reload failed" not in hang_up(server)
        assert facts(server)[0] == "mended"


def test_start_with_code_that_does_not_load() -> None:
    ended = run_gunicorn(
        "--bind", "127.0.0.1:0", "--preload", "shop", files={"shop.py": "import no_such_module\n"}
    )
    assert ended.returncode == 4
    assert "App failed to load. ModuleNotFoundError" in ended.stderr


def test_import_that_never_ends_is_withdrawn() -> None:
    flags = ("--preload", "-c", "conf.py")
    given = files() | {"conf.py": ""}
    with Server("shop", *flags, files=given, expect_errors=True) as server:
        replace(server.directory / "conf.py", "boot_timeout = 1\n")
        replace(server.directory / "shop.py", "import threading\nthreading.Event().wait()\n")
        assert "was sent SIGKILL (boot timeout)" in hang_up(server)
        assert facts(server)[0] == "old"


def test_killed_zygote_is_replaced_and_nobody_notices() -> None:
    flags = ("--preload", "--workers", "2")
    with Server("shop", *flags, files=files(), expect_errors=["was sent SIGKILL"]) as server:
        workers = {facts(server)[2] for _ in range(10)}
        with server.log_contains("was sent SIGKILL", "Preloading the application"):
            os.kill(facts(server)[1], signal.SIGKILL)
        assert facts(server)[2] in workers
        # A worker that dies afterwards comes from the new zygote.
        victim = facts(server)[2]
        os.kill(victim, signal.SIGKILL)
        server.wait_gone(victim)
        server.wait_workers(lambda pids: len(pids) == 3)
        while facts(server)[2] in workers - {victim}:
            pass


def test_dead_worker_is_reaped_explained_and_replaced() -> None:
    with Server("shop", "--preload", files=files(), expect_errors=["was sent SIGKILL"]) as server:
        _, zygote, worker, _ = facts(server)
        with server.log_contains(f"(pid:{worker}) was sent SIGKILL"):
            os.kill(worker, signal.SIGKILL)
        fresh = facts(server)
        assert fresh[1] == zygote
        assert fresh[2] != worker
        assert processes.stat_of(worker) is None


def test_more_and_fewer_workers() -> None:
    with Server("shop", "--preload", files=files()) as server:
        server.signal(signal.SIGTTIN)
        server.wait_workers(lambda pids: len(pids) == 3)
        server.signal(signal.SIGTTOU)
        server.wait_workers(lambda pids: len(pids) == 2)


def test_kill_of_the_master_leaves_nobody() -> None:
    with Server("shop", "--preload", "--workers", "2", files=files()) as server:
        zygote = facts(server)[1]
        server.signal(signal.SIGKILL)
        assert server.wait() == -signal.SIGKILL
        server.wait_gone(zygote)


def test_reload_can_turn_it_on_and_off() -> None:
    given = files() | {"conf.py": ""}
    with Server("shop", "-c", "conf.py", files=given) as server:
        word, importer, worker, _ = facts(server)
        assert importer == worker
        replace(server.directory / "conf.py", "preload_app = True\n")
        hang_up(server)
        word, importer, worker, _ = facts(server)
        assert importer != worker
        replace(server.directory / "conf.py", "")
        reload_workers(server)
        word, importer, worker, _ = facts(server)
        assert (word, importer) == ("old", worker)


def test_logs_reopened_by_a_zygote_are_those_of_later_workers() -> None:
    flags = ("--preload", "--access-logfile", "access.log")
    with Server("shop", *flags, files=files(), expect_errors=["was sent SIGKILL"]) as server:
        log = server.directory / "access.log"
        log.rename(server.directory / "access.log.1")
        server.signal(signal.SIGUSR1)
        while not log.exists():
            pass
        worker = facts(server)[2]
        os.kill(worker, signal.SIGKILL)
        server.wait_gone(worker)
        facts(server)
        while not log.read_text():
            pass


def test_hooks_see_the_same_life() -> None:
    conf = (
        "def note(name):\n"
        "    def hook(*args):\n"
        "        args[-1].log.info('hook %s %s', name, args[-1].age)\n"
        "    return hook\n"
        "def pre_fork(server, worker): note('pre_fork')(worker)\n"
        "def post_fork(server, worker): note('post_fork')(worker)\n"
        "def post_worker_init(worker): note('post_worker_init')(worker)\n"
        "def worker_exit(server, worker): note('worker_exit')(worker)\n"
        "def child_exit(server, worker): note('child_exit')(worker)\n"
    )
    with Server("shop", "--preload", "-c", "conf.py", files=files() | {"conf.py": conf}) as server:
        server.signal(signal.SIGTERM)
        server.wait()
        said = [
            line.rpartition("hook ")[2]
            for line in server.log_text().splitlines()
            if "hook " in line
        ]
        names = ("pre_fork", "post_fork", "post_worker_init", "worker_exit", "child_exit")
        assert said == [f"{name} 1" for name in names]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_no_code_of_the_application_runs_as_root(tmp_path: Path) -> None:
    code = "import os\nassert os.getuid() == os.geteuid() == 65534, 'too privileged'\n"
    with Server("shop", "--preload", "-u", "65534", "-g", "65534",
                files={"shop.py": code + saying("x")}) as server:  # fmt: skip
        _, importer, worker, _ = facts(server)
        for pid in (importer, worker):
            ids = processes.ids_of(pid)
            assert set(ids["Uid"]) == set(ids["Gid"]) == {65534}
            assert ids["Groups"] in ([], [65534])


def test_stop_while_the_application_is_imported() -> None:
    code = "from tests.apps import gate\nlist(gate.application({'PATH_INFO': '/wait'}, print))\n"
    with Gate() as gate, Server("shop", "--preload", files=files(), env=gate.env) as server:
        replace(server.directory / "shop.py", code + saying("never"))
        server.signal(signal.SIGHUP)
        waiting = gate.next_arrival()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert waiting.is_lost()


# -- worker classes that change the standard library -----------------------------------------------

GREEN_APP = """\
import os, threading, time
from socket import socket
from tests.apps import gate

# Uses the hub, and the thread ends, before anything is forked.
thread = threading.Thread(target=time.sleep, args=(0.01,))
thread.start()
thread.join()
IMPORTER = os.getpid()

def application(environ, start_response):
    if environ["PATH_INFO"] == "/wait":
        gate.pass_gate()
    body = b"%s %d %d" % (socket.__module__.encode(), IMPORTER, os.getpid())
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.mark.parametrize("kind", [*classes.GREEN, "gevent_pywsgi"])
def test_green_application_is_imported_patched_and_its_workers_have_a_hub(kind: str) -> None:
    words = (*classes.flags(kind), "--preload", "--workers", "2")
    given = {"shop.py": GREEN_APP}
    with Gate() as gate, Server("shop", *words, files=given, env=gate.env) as server:
        importers = set()
        for _ in range(2):
            connections = [server.connect() for _ in range(8)]
            for connection in connections:
                connection.send(get(target="/wait"))
            # More requests than processes: none waits for another.
            waiting = [gate.next_arrival() for _ in connections]
            for one in waiting:
                one.let_go()
            for connection in connections:
                module, importer, worker = connection.read_response().body.decode().split()
                assert module.startswith(kind.partition("_")[0])
                assert importer != worker
                importers.add(importer)
                connection.close()
            assert "Reload failed" not in hang_up(server)
        assert len(importers) == 2


def test_patch_of_a_class_of_the_user_comes_before_the_import() -> None:
    """People patch database drivers so."""
    classes.flags("gevent")
    worker = """\
import os
from gunicorn.workers.ggevent import GeventWorker

class Own(GeventWorker):
    def patch(self):
        super().patch()
        os.environ["PATCHED"] = str(os.getpid())
"""
    shop = "import os\nassert os.environ['PATCHED'] == str(os.getpid())\n" + saying("patched")
    flags = ("--preload", "--worker-class", "own.Own", "--workers", "2")
    with Server("shop", *flags, files={"own.py": worker, "shop.py": shop}) as server:
        assert facts(server)[0] == "patched"
