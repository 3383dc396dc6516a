"""A Flask application: streaming both ways, sessions, uploads, files."""

import hashlib
import io
import os

import flask

from tests.apps.gate import pass_gate

application = flask.Flask(__name__)
application.secret_key = "for-tests-only"


@application.get("/")
def front():
    flask.session["visits"] = flask.session.get("visits", 0) + 1
    return {"visits": flask.session["visits"], "scheme": flask.request.scheme, "pid": os.getpid()}


@application.get("/stream")
def stream():
    """Say one thing, wait at the gate, say another, with the request still at hand."""

    @flask.stream_with_context
    def talk():
        yield f"first {flask.request.args['who']}\n"
        pass_gate()
        yield f"second {flask.request.args['who']}\n"

    return application.response_class(talk(), mimetype="text/plain")


@application.get("/numbers/<int:count>")
def numbers(count):
    return application.response_class(f"{number}\n" for number in range(count))


@application.post("/digest")
def digest():
    """Read the body in pieces as it comes, however it is framed."""
    found = hashlib.sha256()
    size = 0
    while piece := flask.request.stream.read(10000):
        found.update(piece)
        size += len(piece)
    return {"sha256": found.hexdigest(), "size": size, "remote": flask.request.remote_addr}


@application.post("/upload")
def upload():
    given = flask.request.files["file"]
    data = given.read()
    return {"name": given.filename, "size": len(data), "title": flask.request.form["title"]}


@application.get("/file")
def file():
    return flask.send_file(
        io.BytesIO(bytes(range(256)) * 400), download_name="data.bin", conditional=True, etag="x"
    )
