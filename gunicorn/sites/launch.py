"""Starts the server inside the site's own interpreter, which need not know of gunicorn.

Run as a file: ``PYTHON .../gunicorn/sites/launch.py --site NAME``. It brings in the package
``gunicorn`` it belongs to, and nothing else of the directory that holds it: putting
``/usr/lib/python3/dist-packages`` on the path would give a virtualenv every package of the archive.

Written so that any Python 3 can read it, because one that is too old deserves a sentence.
"""

# ruff: noqa: PTH100, PTH118, PTH120, UP031, RUF005 - for interpreters of any age
import os
import sys

OLDEST = (3, 11)


def bring_in(name: str, directory: str) -> None:
    """Load the package in ``directory`` as ``name``, without a look at ``sys.path``."""
    import importlib.util

    spec = importlib.util.spec_from_file_location(
        name, os.path.join(directory, "__init__.py"), submodule_search_locations=[directory]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # before it runs: what it imports of itself must find this one
    sys.modules[name] = module
    spec.loader.exec_module(module)


def main() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    # Python put the directory of this file first: "paths", "site" and "trust" are names an
    # application may have modules of. Not -P, which a Python that is too old does not know.
    if sys.path and os.path.abspath(sys.path[0]) == here:
        del sys.path[0]
    if sys.version_info < OLDEST:
        sys.stderr.write(
            "%s is Python %d.%d; the server needs %d.%d or newer: "
            "see 'python' in the site file\n" % ((sys.executable,) + sys.version_info[:2] + OLDEST)
        )
        sys.exit(78)
    bring_in("gunicorn", os.path.dirname(here))
    sys.argv[0] = "gunicorn"
    # By name and not by import: this is the door of another process, not a use of upper floors.
    import importlib

    importlib.import_module("gunicorn.app.wsgiapp").run(prog="gunicorn")


if __name__ == "__main__":
    main()
