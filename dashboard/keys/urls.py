"""Addresses of the keys app."""

from django.urls import path

from dashboard.keys import views

app_name = "keys"
urlpatterns = [
    path("teams/<slug:slug>/keys/", views.index, name="index"),
    path("teams/<slug:slug>/keys/<uuid:pk>/test/", views.test, name="test"),
    path("teams/<slug:slug>/keys/<uuid:pk>/rename/", views.rename, name="rename"),
    path("teams/<slug:slug>/keys/<uuid:pk>/archive/", views.archive, name="archive"),
]
