"""A Pyramid application: routes, matched parts, JSON, an iterator as the body."""

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPFound
from pyramid.response import Response


def hello(request):
    return {"hello": request.matchdict["name"], "query": dict(request.params)}


def moved(request):
    raise HTTPFound(location=request.route_url("hello", name="there"))


def pieces(request):
    return Response(app_iter=(b"piece %d\n" % number for number in range(5)))


def make():
    with Configurator() as config:
        config.add_route("hello", "/hello/{name}")
        config.add_route("moved", "/moved")
        config.add_route("pieces", "/pieces")
        config.add_view(hello, route_name="hello", renderer="json")
        config.add_view(moved, route_name="moved")
        config.add_view(pieces, route_name="pieces")
        return config.make_wsgi_app()
