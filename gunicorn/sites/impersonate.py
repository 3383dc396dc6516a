"""Asks the kernel a question as somebody else: a forked child becomes the user and answers by pipe.

Whether a user can reach a path depends on owners, groups, lists of access rights and mounts; the
only judge of all that is the kernel, and it judges processes. The child does nothing but look.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any


def ask_as(uid: int, gid: int, groups: Sequence[int], question: Callable[[], Any]) -> Any:
    """Give what ``question`` returns (as JSON has it) in a process of this user.

    Not root: we are somebody already, and the answer is ours.

    :raises OSError: the child could not become the user, or failed
    """
    if os.geteuid() != 0:
        return question()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups(list(groups))
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os.write(writer, json.dumps(question()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    data = bytearray()
    try:
        while chunk := os.read(reader, 65536):
            data += chunk
    finally:
        os.close(reader)
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if ended != 0:
        raise OSError(f"looking around as uid {uid} ended with {ended}")
    return json.loads(data)
