"""Addresses of the API reference."""

from django.urls import path

from dashboard.reference import views

app_name = "reference"
urlpatterns = [
    path("reference/", views.index, name="index"),
    path("reference/key/", views.borrow, name="key"),
    path("reference/snippets/<slug:name>/", views.snippet, name="snippet"),
]
