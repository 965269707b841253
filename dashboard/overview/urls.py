"""Addresses of the home page, of what is shared, and of the machine's own questions."""

from django.urls import path

from dashboard.overview import health, metrics, views
from dashboard.overview.sharing import pages, public

app_name = "overview"
urlpatterns = [
    path("teams/<slug:slug>/", views.team, name="team"),
    path("teams/<slug:slug>/sharing/", pages.sharing, name="sharing"),
    path("teams/<slug:slug>/sharing/<uuid:pk>/revoke/", pages.revoke, name="sharing_revoke"),
    # The access log leaves out what is called `token`.
    path("shared/<str:token>/", public.page, name="shared"),
    path("shared/<str:token>/chart.json", public.chart, name="shared_chart"),
    path("shared/<str:token>/badge.svg", public.badge, name="badge"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
