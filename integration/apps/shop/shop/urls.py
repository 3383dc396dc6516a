from django.contrib import admin
from django.urls import path
from goods import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("version", views.version),
    path("environment", views.environment),
    path("upload", views.upload),
    path("download/<str:name>", views.download),
]
