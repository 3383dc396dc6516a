"""testinfra's way into a `Machine`: every command goes through nsenter.

testinfra asks for a backend by the text of an address, so running machines are kept by name in
`machines`; `host_of(machine)` returns the testinfra host of one.
"""

from __future__ import annotations

import shlex
from typing import Any

import testinfra
import testinfra.backend
from testinfra.backend.base import BaseBackend, CommandResult

from integration.machine import Machine

machines: dict[str, Machine] = {}


class NspawnBackend(BaseBackend):
    NAME = "nspawn"

    def __init__(self, name: str, *args: Any, **kwargs: Any):
        self.name = name
        super().__init__(name, *args, **kwargs)

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        # quote() puts the arguments in; without arguments a % in the command stays what it is.
        text = self.quote(command, *args) if args else command
        return self.run_local(shlex.join([*machines[self.name].prefix(), "sh", "-c", text]))


def host_of(machine: Machine) -> Any:
    testinfra.backend.BACKENDS["nspawn"] = "integration.nspawn_backend.NspawnBackend"
    machines[machine.name] = machine
    return testinfra.get_host(f"nspawn://{machine.name}")
