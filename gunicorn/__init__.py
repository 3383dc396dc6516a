"""The version of the server, and nothing else: importing this package imports nothing."""

version_info = (2026, 11, 0)
__version__ = "2026.11.0"

SERVER = "gunicorn"
SERVER_SOFTWARE = f"{SERVER}/{__version__}"
