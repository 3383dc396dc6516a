import hashlib
import io
import os

from django.contrib.auth.decorators import login_required
from django.http import FileResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import get_language

from notes.models import Note

VERSION = "first"


def front(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"user": request.user.username, "visits": request.session["visits"]})


def version(request):
    import django

    return JsonResponse(
        {
            "version": VERSION,
            "django": django.__version__,
            "settings": os.environ["DJANGO_SETTINGS_MODULE"],
            "language": get_language(),
            "server": request.META["SERVER_SOFTWARE"],
            "parent": os.getppid(),
        }
    )


@login_required
def upload(request):
    if request.method == "POST":
        given = request.FILES["file"]
        note = Note.objects.create(owner=request.user, name=given.name, data=given.read())
        kind = type(given).__name__
        digest = hashlib.sha256(bytes(note.data)).hexdigest()
        return JsonResponse({"id": note.pk, "name": note.name, "kind": kind, "sha256": digest})
    return render(request, "upload.html")


@login_required
def download(request, number):
    note = get_object_or_404(Note, pk=number, owner=request.user)
    return FileResponse(io.BytesIO(bytes(note.data)), as_attachment=True, filename=note.name)


def broken(request):
    raise RuntimeError("a view that fails")
