"""The coverage-guided fuzz harness of the parser; run it with ``scripts/fuzz``.

The contract in one sentence: any bytes, however they are cut, give the same requests or the same
ProtocolError, an environ PEP 3333 allows for each request, and never another exception.

Not a test: it needs atheris, and runs as long as it is let. Inputs it finds go into ``SEEDS`` of
``test_fuzz_seeds``, which replays them as ordinary tests.
"""

from __future__ import annotations

import sys

from gunicorn.http import environ
from gunicorn.http.connection import Connection
from gunicorn.http.environ import Listener
from gunicorn.http.errors import ProtocolError
from gunicorn.http.limits import Policy
from tests.http.feeding import FORWARDER, STRANGER, UNIX, play

POLICIES = [
    Policy(),
    Policy(limit_line=30, limit_fields=3, limit_field_size=30),
    Policy(
        permit_obsolete_folding=True,
        strip_header_spaces=True,
        permit_unconventional_http_method=True,
        permit_unconventional_http_version=True,
        casefold_http_method=True,
        header_map="dangerous",
        limit_field_size=60,
    ),
    Policy(proxy_protocol=True, header_map="refuse", script_name="/a"),
]
PEERS = [STRANGER, FORWARDER, UNIX]


def check(data: bytes) -> None:
    """Hold the contract for one input: two bytes choose policy, peer and cut, the rest arrives."""
    if len(data) < 3:
        return
    policy = POLICIES[data[0] % len(POLICIES)]
    peer = PEERS[data[0] // len(POLICIES) % len(PEERS)]
    step, stream = data[1] % 16 + 1, data[2:]
    whole = play([stream], policy, peer)
    cut = play([stream[at : at + step] for at in range(0, len(stream), step)], policy, peer)
    assert cut == whole, (cut, whole)
    _check_environs(stream, policy, peer)


def _check_environs(stream: bytes, policy: Policy, peer: object) -> None:
    base = environ.base_environ(policy, Listener("a", "80", peer is UNIX), peer)  # type: ignore[arg-type]
    connection = Connection(policy, peer, base)  # type: ignore[arg-type]
    connection.feed(stream)
    try:
        while (request := connection.next_request()) is not None:
            found = environ.build(base, request, policy)
            for key, value in found.items():
                if not key.startswith(("wsgi.", "gunicorn.")):
                    assert type(value) is str, key
                    value.encode("latin-1")
            while not connection.body_done:
                if not connection.take_body() and not connection.body_done:
                    return
    except ProtocolError:
        pass


def main() -> None:
    import atheris

    # atheris instruments modules as they are imported; ours are there already
    atheris.instrument_all()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
