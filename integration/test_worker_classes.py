"""The worker classes that stand on a library, with the releases of Debian 12 and 13, as sites.

A page, a pair of requests on one connection, an upload, and a stop that waits for a request under
way. With the newest releases of PyPI the same is tried by tests/applications/test_libraries.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from integration.conftest import TREE
from integration.door import Door
from integration.machine import Machine
from integration.waiting import wait_until

APP = (TREE / "tests" / "apps" / "kinds.py").read_text()
#: site -> its class, its application, and the library
SITES = {
    "gevent": ("gevent", "application", "gevent"),
    "pywsgi": ("gevent_pywsgi", "application", "gevent"),
    "eventlet": ("eventlet", "application", "eventlet"),
    "tornado": ("tornado", "application", "tornado"),
    "native": ("tornado", "native", "tornado"),
}
PACKAGES = "python3-gevent python3-eventlet python3-tornado"
UPLOAD = bytes(range(256)) * 12_000


@pytest.fixture(scope="module")
def green(fleet: Machine) -> Iterator[Machine]:
    """The fleet's machine with the libraries, and a site for each class."""
    with Door(fleet):
        fleet.run(f"apt-get update && apt-get install -y --no-install-recommends {PACKAGES}")
    (fleet.root / "run/upload").write_bytes(UPLOAD)
    for name, (kind, app, _) in SITES.items():
        fleet.run(f"gunicornctl create {name} --app kinds:{app}")
        fleet.write(f"/srv/{name}/kinds.py", APP)
        fleet.run(f"install -d -o {name} -g {name} /srv/{name}/state")
        state = f"/srv/{name}/state"
        lines = f'worker_class = "{kind}"\nwritable = "{state}"\n[env]\nSTATE = "{state}"\n'
        fleet.run(f"cat >> /etc/gunicorn.d/{name}.conf", input=lines)
    fleet.run("gunicornctl sync")
    yield fleet
    for name in SITES:
        fleet.run(f"gunicornctl remove --purge {name}")
    fleet.run(f"rm -f /run/upload /run/said; apt-get purge --autoremove -y {PACKAGES}")


def curl(name: str, *words: str) -> str:
    return f"curl -sS --max-time 60 --unix-socket /run/gunicorn/{name}/socket {' '.join(words)}"


@pytest.mark.parametrize("name", SITES)
def test_page_and_pair_and_upload(green: Machine, name: str) -> None:
    library = SITES[name][2]
    version = green.output(f"dpkg-query -W -f '${{Version}}' python3-{library}")
    said = green.output(curl(name, "http://site/which"))
    # The archive writes 6.2.0 what calls itself 6.2.
    assert f"{library} {'.'.join(version.split('.')[:2])}" in said
    each = "-o /dev/null http://site/"
    pair = curl(name, "-w '%{http_code} %{num_connects}\\n'", each, each)
    assert green.output(pair).split() == ["200", "1", "200", "0"], "one connection for both"
    sent = green.output(curl(name, "-T /run/upload -X POST http://site/"))
    assert sent == hashlib.sha256(UPLOAD).hexdigest()


@pytest.mark.parametrize("name", SITES)
def test_standard_library_works(green: Machine, name: str) -> None:
    """Names, programs and pauses, with what the older releases make of them."""
    for path, said in (("dns", "gaierror"), ("subprocess", "piped 0 3"), ("sleep", "slept")):
        assert green.output(curl(name, f"http://site/{path}")) == said


@pytest.mark.parametrize("name", SITES)
def test_stop_waits_for_the_request_under_way(green: Machine, name: str) -> None:
    unit = f"gunicorn@{name}"
    state = f"/srv/{name}/state"
    green.run(f"{curl(name, 'http://site/wait')} >/run/said 2>&1 &")
    wait_until(
        lambda: (green.root / f"srv/{name}/state/arrived.test").exists(), "the request has arrived"
    )
    green.run(f"systemctl stop --no-block {unit}")
    show = f"systemctl show -P ActiveState {unit}"
    wait_until(lambda: green.output(show) == "deactivating", "the stop has begun")
    assert green.output("cat /run/said") == ""
    green.run(f"touch {state}/go.test")
    wait_until(lambda: green.output(show) == "inactive", "the site has stopped")
    assert green.output("cat /run/said") == "hello"
    green.run(f"rm {state}/*.test && gunicornctl start {name}")
    assert green.output(curl(name, "http://site/")) == "hello"
