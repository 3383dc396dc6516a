"""Handing a verb to ``gunicornctl run``, where no systemd is, and telling what came of it."""

from __future__ import annotations

from gunicorn.sites import talk
from gunicorn.sites.context import Context, Status
from gunicorn.sites.talk import NotRunningError, TalkError

#: seconds the supervisor may take: a stop waits for the slowest graceful site
_SUPERVISOR_PATIENCE = 600.0


def by_supervisor(context: Context, verb: str, names: list[str]) -> int:
    """Hand a verb to ``gunicornctl run`` and report what became of each site."""
    request = {"command": verb, "sites": names}
    try:
        answer = talk.ask(str(context.paths.supervisor), request, _SUPERVISOR_PATIENCE)
    except NotRunningError:
        if verb == "stop":
            return Status.DONE
        context.say("no supervisor is running: gunicornctl run --all")
        return Status.NOT_RUNNING
    except TalkError as error:
        context.say(f"the supervisor {error}")
        return Status.FAILED
    for line in answer.get("problems", []):
        context.say(str(line))
    for line in answer.get("messages", []):
        context.show(str(line))
    return Status.DONE if answer.get("ok") is True else Status.FAILED
