"""Looks at files with the rights of somebody else.

Whether a user can reach a path depends on owners, groups, lists of access rights and mounts; the
only judge of all that is the kernel, and it judges processes. So either a forked child becomes the
user, looks and answers by pipe, or this process takes the user's rights for as long as it opens
what lies in that user's hands.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

#: seconds a look may take
_PATIENCE = 10


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
            # whatever lies in wait for us there: a pipe that nobody writes to, a file without end
            signal.alarm(_PATIENCE)
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


@contextmanager
def acting_as(uid: int, gid: int, groups: Sequence[int]) -> Iterator[None]:
    """Open files within the block as this user would; for root in a process of one thread.

    Only the effective numbers change, so that the way back is open. The user can send us no signal
    meanwhile: the kernel looks at our real and saved numbers for that, which stay root's.
    Not root: we are somebody already.
    """
    if os.getuid() != 0 or uid == 0:
        yield
        return
    old_groups, old_gid = os.getgroups(), os.getegid()
    os.setgroups(list(groups))
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(old_gid)
        os.setgroups(old_groups)
