"""For sync workers: a form. The worker runs one request at a time, whole requests only.

gunicorn --workers 2 form_sync:app
"""

from html import escape
from urllib.parse import parse_qs

PAGE = '<form method="post"><input name="who"><button>Greet</button></form><p>{}</p>\n'


def app(environ, start_response):
    words = ""
    if environ["REQUEST_METHOD"] == "POST":
        # All of the body is here already: the server has gathered it without keeping a worker busy.
        fields = parse_qs(environ["wsgi.input"].read().decode())
        words = f"Hello {escape(fields.get('who', ['nobody'])[0])}"
    body = PAGE.format(words).encode()
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
