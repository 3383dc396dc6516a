from django.contrib.auth import views as auth
from django.urls import path
from notes import views

urlpatterns = [
    path("", views.front),
    path("version", views.version),
    path("login/", auth.LoginView.as_view(template_name="login.html")),
    path("logout/", auth.LogoutView.as_view(next_page="/")),
    path("upload/", views.upload),
    path("download/<int:number>/", views.download),
    path("broken", views.broken),
]
