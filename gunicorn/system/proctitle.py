"""The title of the process in ``ps``, by the setproctitle module when the machine has it."""

from __future__ import annotations

__all__ = ["set_title"]


def set_title(text: str) -> None:
    """Show ``gunicorn: TEXT`` as the title of this process, where setproctitle is present."""
    try:
        import setproctitle
    except ImportError:
        return
    setproctitle.setproctitle(f"gunicorn: {text}")
