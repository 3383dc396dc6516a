"""The application of the image."""


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "21")])
    return [b"Hello from the image\n"]
