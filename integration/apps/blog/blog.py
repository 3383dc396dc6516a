"""A Flask application in its own virtualenv, with a login, an upload and a download."""

import hmac
import os
import secrets
import sys
from importlib.metadata import version as version_of
from pathlib import Path

import flask

RELEASE = "release 1"
UPLOADS = Path(__file__).parent / "uploads"

app = flask.Flask(__name__)
app.secret_key = os.environ["BLOG_SECRET"]


@app.get("/version")
def version():
    return flask.Response(RELEASE, mimetype="text/plain")


@app.get("/environment")
def environment():
    return flask.jsonify(
        flask=version_of("flask"),
        flask_file=flask.__file__,
        prefix=sys.prefix,
        modules=sorted({name.partition(".")[0] for name in sys.modules}),
        path=sys.path,
        user=os.getuid(),
        group=os.getgid(),
        groups=os.getgroups(),
        variables=sorted(os.environ),
    )


@app.route("/login", methods=["GET", "POST"])
def login():
    if flask.request.method == "GET":
        token = flask.session.setdefault("csrf", secrets.token_hex(16))
        field = f'<input type="hidden" name="csrf" value="{token}">'
        return f'<form method="post">{field}<input name="name"></form>'
    if not hmac.compare_digest(flask.request.form.get("csrf", ""), flask.session.get("csrf", "-")):
        flask.abort(403)
    flask.session["name"] = flask.request.form["name"]
    return flask.redirect("/")


@app.get("/")
def index():
    return f"<h1>Blog</h1><p>{flask.session.get('name', 'nobody')}</p>"


@app.post("/upload")
def upload():
    if "name" not in flask.session or flask.request.headers.get("X-Csrf") != flask.session["csrf"]:
        flask.abort(403)
    file = flask.request.files["file"]
    name = secrets.token_hex(8)
    file.save(UPLOADS / name)
    return flask.jsonify(name=name)


@app.get("/download/<name>")
def download(name):
    if "name" not in flask.session:
        flask.abort(403)
    return flask.send_from_directory(UPLOADS, name, as_attachment=True)
