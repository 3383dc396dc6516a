"""A few views that a browser of the tests can walk through."""

import os
import sys

import django
from django import forms
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponse, JsonResponse
from django.template import engines

RELEASE = "release 1"


class UploadForm(forms.Form):
    file = forms.FileField()


def version(request):
    """What serves: edited by the tests before a reload."""
    return HttpResponse(RELEASE, content_type="text/plain")


def environment(request):
    return JsonResponse(
        {
            "django": django.__version__,
            "python": sys.executable,
            "multiprocess": request.META["wsgi.multiprocess"],
            "scheme": request.scheme,
            "peer": request.META["REMOTE_ADDR"],
            "user": os.getuid(),
            "group": os.getgid(),
            "groups": os.getgroups(),
            "variables": sorted(os.environ),
        }
    )


@login_required(login_url="/admin/login/")
def upload(request):
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data["file"]
        name = default_storage.save(data.name, data)
        return JsonResponse({"name": os.path.basename(name)})  # noqa: PTH119
    page = engines["django"].from_string(
        '<form method="post" enctype="multipart/form-data">{% csrf_token %}{{ form }}</form>'
    )
    return HttpResponse(page.render({"form": form}, request))


@login_required(login_url="/admin/login/")
def download(request, name):
    return FileResponse(default_storage.open(name), as_attachment=True)
