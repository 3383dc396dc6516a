"""``gunicornctl nginx SITE``: an upstream and a server block that match a site.

Text for an administrator to read and put into place: the address and the patience for slow answers
follow the site file; the name of the server is asked for. Nothing is written.
"""

from __future__ import annotations

import argparse
import re

from gunicorn import util
from gunicorn.sites import site
from gunicorn.sites.context import Context, Status
from gunicorn.sites.paths import Paths
from gunicorn.sites.site import Site, as_list

#: what may stand in server_name without a quote; regular expressions are for people to write
_SERVER_NAME = re.compile(r"[A-Za-z0-9.*_-]+")

#: from where to reach what listens on every interface
_NEAR = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def nginx(context: Context, options: argparse.Namespace) -> int:
    """Print the configuration for one site."""
    for name in options.server_name or ():
        if not _SERVER_NAME.fullmatch(name):
            context.say(f"{name!r} is no name of a server")
            return Status.FAILED
    one = site.read_site(options.site, context.paths, context.rules)
    text = render(one, context.paths, options.server_name or [f"{one.name}.example.org"])
    if text is None:
        context.say(f"{one.place('bind')}: bind: nginx cannot be told of a descriptor")
        return Status.FAILED
    context.show(text)
    return Status.DONE


def upstreams(one: Site, paths: Paths) -> list[str]:
    """Give the addresses of a site as nginx writes them, Unix sockets first."""
    found = []
    for text in as_list(one.settings.get("bind", [])) or [f"unix:{paths.socket(one.name)}"]:
        address = util.parse_address(text)
        if isinstance(address, str):
            found.append(f"unix:{address}")
        elif isinstance(address, tuple):
            host = _NEAR.get(address[0], address[0])
            shown = f"[{host}]" if ":" in host else host
            found.append(f"{shown}:{address[1]}")
    return sorted(found, key=lambda text: not text.startswith("unix:"))


def render(one: Site, paths: Paths, server_names: list[str]) -> str | None:
    """Write the configuration; None when there is no address to give."""
    addresses = upstreams(one, paths)
    if not addresses:
        return None
    label = "gunicorn_" + re.sub(r"[^a-z0-9]", "_", one.name)
    timeout = int(str(one.settings.get("timeout", 30)), 0)
    scheme = "https" if one.settings.get("certfile") else "http"
    # one address is enough: a second one of the same master is no spare for it
    return f"""\
# /etc/nginx/sites-available/{one.name}, for the site {one.path}
upstream {label} {{
    server {addresses[0]} fail_timeout=0;
    keepalive 8;
}}

server {{
    listen 80;
    listen [::]:80;
    server_name {" ".join(server_names)};
    client_max_body_size 20m;

    location / {{
        proxy_pass {scheme}://{label};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        # a little longer than the site's own patience, so that its answer is the one that counts
        proxy_read_timeout {timeout + 5 if timeout else 3600}s;
    }}
}}"""
