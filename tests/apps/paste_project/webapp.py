"""An application factory of PasteDeploy."""

import json
import os

VERSION = "first"


def make_app(global_conf, **local_conf):
    def application(environ, start_response):
        body = json.dumps(
            {
                "version": VERSION,
                "global": dict(global_conf),
                "local": local_conf,
                "parent": os.getppid(),
            }
        ).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    return application
