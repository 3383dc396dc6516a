"""Begin again in a fresh interpreter, as the same process.

``manage.py`` and ``pserve`` import the application, then call us. A master in which the application
is imported could not give new code to new workers at a reload, and would have run application code
with whatever rights the master has. So the process is replaced: same process id, environment and
descriptors 0 to 2, same interpreter, options and Python path, and nothing imported.

This file is also the program that the fresh interpreter runs; it imports nothing of ours before the
Python path is in place.
"""

import importlib
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def replace_process(module: str, prog: str, arguments: list[str]) -> "NoReturn":
    """Become a fresh interpreter that runs ``module.run()`` with these arguments."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    path = os.pathsep.join(entry for entry in sys.path if isinstance(entry, str))
    words = [sys.executable, *interpreter_options(), __file__, path, module, prog, *arguments]
    os.execv(sys.executable, words)


def interpreter_options() -> list[str]:
    """The options that this interpreter was started with: ``-X dev``, ``-W error``..."""
    before = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv)]
    ends_alike = sys.orig_argv[len(sys.orig_argv) - len(sys.argv) + 1 :] == sys.argv[1:]
    if not ends_alike or not all(sys.orig_argv):
        # Somebody has changed sys.argv: what was an option cannot be told any more.
        return []
    return before[:-1] if before[-1:] in (["-m"], ["-c"]) else before


def main() -> None:
    """Put the Python path in place and run the module named on the command line."""
    path, module, prog, *arguments = sys.argv[1:]
    sys.path[:] = path.split(os.pathsep)
    sys.argv[:] = [prog, *arguments]
    importlib.import_module(module).run()


if __name__ == "__main__":
    main()
