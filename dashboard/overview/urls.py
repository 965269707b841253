"""Addresses of the home page and of the machine's own questions."""

from django.urls import path

from dashboard.overview import health, metrics, views

app_name = "overview"
urlpatterns = [
    path("teams/<slug:slug>/", views.team, name="team"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
