"""A Bottle application: routes, forms, cookies, files from the disk, errors."""

import bottle

application = bottle.Bottle()


@application.get("/hello/<name>")
def hello(name):
    return f"Hello {name}!"


@application.post("/form")
def form():
    bottle.response.set_cookie("seen", bottle.request.forms.word, secret="for-tests-only")
    return {"word": bottle.request.forms.word}


@application.get("/seen")
def seen():
    return {"seen": bottle.request.get_cookie("seen", secret="for-tests-only")}


@application.post("/json")
def json():
    return {"got": bottle.request.json}


@application.get("/static/<path:path>")
def static(path):
    return bottle.static_file(path, root=".")


@application.get("/teapot")
def teapot():
    bottle.abort(418, "short and stout")
