"""The welcome site: a page right after installation that shows how to add one's own.

A plain WSGI application, served by the server it belongs to; it reads nothing and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from gunicorn import SERVER_SOFTWARE

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>It works: gunicorn</title>
<style>
body { font: 1.05rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto;
       padding: 0 1rem; color: #222; background: #fff; }
h1 { color: #2a6f2a; }
pre { background: #f3f5f2; border-left: 4px solid #2a6f2a; padding: 1rem; overflow-x: auto;
      font-size: .9rem; line-height: 1.4; }
</style>
</head>
<body>
<h1>It works</h1>
<p>This page is served by %(software)s, from the site file
<code>/etc/gunicorn.d/welcome.conf</code>.</p>
<h2>Add your own site</h2>
<p>One file, one site. Write <code>/etc/gunicorn.d/shop.conf</code>:</p>
<pre>app     = "shop.wsgi:application"     # module:name
user    = "shop"                      # the account it runs as
chdir   = "/srv/shop"                 # where the application is
python  = "/srv/shop/venv"            # optional: its virtualenv
workers = 4
bind    = "127.0.0.1:8001"            # default: a Unix socket for your proxy</pre>
<p>and start it:</p>
<pre>sudo adduser --system --group --no-create-home --home /srv/shop shop
sudo gunicornctl check shop
sudo gunicornctl sync
gunicornctl list</pre>
<p>It now starts with the system, has its own logs in <code>/var/log/gunicorn/shop/</code>, and
loads changed code without losing a request: <code>systemctl reload gunicorn@shop</code>.</p>
<p>More: <code>/etc/gunicorn.d/README</code>, <code>man gunicornctl</code>. When this page has done
its work, remove <code>welcome.conf</code> and run <code>gunicornctl sync</code>.</p>
</body>
</html>
""".replace("%(software)s", escape(SERVER_SOFTWARE)).encode("utf-8")

_TYPE = ("Content-Type", "text/html; charset=utf-8")


def application(
    environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]
) -> Iterable[bytes]:
    """Answer ``/`` with the page and anything else with 404."""
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
        start_response("405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")])
        return []
    if environ.get("PATH_INFO", "/") not in ("", "/"):
        body = b"Nothing here; the welcome page is at /\n"
        plain = ("Content-Type", "text/plain; charset=utf-8")
        start_response("404 Not Found", [plain, ("Content-Length", str(len(body)))])
    else:
        body = _PAGE
        start_response("200 OK", [_TYPE, ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
