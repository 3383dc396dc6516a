"""The settings, a file per section of the manual; importing this package declares them all.

The order of the imports is the order of the manual.
"""

from gunicorn.config.catalogue import (  # noqa: I001 (the order of the manual)
    config_file,
    server_socket,
    worker_processes,
    security,
    debugging,
    frameworks,
    server_mechanics,
    forwarding,
    logs,
    log_destinations,
    process_naming,
    tls,
    server_hooks,
    control,
)

__all__ = [
    "config_file",
    "control",
    "debugging",
    "forwarding",
    "frameworks",
    "log_destinations",
    "logs",
    "process_naming",
    "security",
    "server_hooks",
    "server_mechanics",
    "server_socket",
    "tls",
    "worker_processes",
]
