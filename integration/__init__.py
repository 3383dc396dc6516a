"""The server as Debian users meet it: built, installed and watched on machines that really boot.

Start reading at `machine.py` (a booted Debian in a container), then `conftest.py` (which machines
exist and what is installed on them), then any `test_*.py`. Nothing here imports `gunicorn`: these
tests know the packages, the files and the commands only.
"""
