"""Addresses of the home page, of what is shared, and of the machine's own questions."""

from django.urls import path

from dashboard.overview import (
    explain,
    health,
    metrics,
    month_pages,
    price_pages,
    statement_pages,
    views,
)
from dashboard.overview.sharing import pages, public

app_name = "overview"
STATEMENTS = "teams/<slug:slug>/statements/"
STATEMENT = f"{STATEMENTS}<uuid:pk>/<slug:key>"
urlpatterns = [
    path("teams/<slug:slug>/", views.team, name="team"),
    path("teams/<slug:slug>/sharing/", pages.sharing, name="sharing"),
    path("teams/<slug:slug>/sharing/<uuid:pk>/revoke/", pages.revoke, name="sharing_revoke"),
    # The access log leaves out what is called `token`.
    path("shared/<str:token>/", public.page, name="shared"),
    path("shared/<str:token>/chart.json", public.chart, name="shared_chart"),
    path("shared/<str:token>/badge.svg", public.badge, name="badge"),
    path(STATEMENTS, statement_pages.index, name="statements"),
    path(f"{STATEMENTS}months/", month_pages.newest, name="months"),
    path(f"{STATEMENTS}months/<slug:month>/", month_pages.one, name="month"),
    path(f"{STATEMENTS}months/<slug:month>.csv", month_pages.as_csv, name="month_csv"),
    path(f"{STATEMENTS}months/<slug:month>.xlsx", month_pages.as_xlsx, name="month_xlsx"),
    path(f"{STATEMENTS}prices/", price_pages.index, name="prices"),
    path(f"{STATEMENTS}prices/<int:pk>/remove/", price_pages.remove, name="remove_price"),
    path(
        f"{STATEMENTS}<uuid:pk>/cycles/<slug:kind>.json",
        statement_pages.chart,
        name="statements_chart",
    ),
    path(f"{STATEMENT}/", statement_pages.one, name="statement"),
    path(f"{STATEMENT}.csv", statement_pages.as_csv, name="statement_csv"),
    path(f"{STATEMENT}.xlsx", statement_pages.as_xlsx, name="statement_xlsx"),
    path("teams/<slug:slug>/explain/<slug:number>/", explain.of_team, name="explain"),
    path("teams/<slug:slug>/explain/<slug:number>/<uuid:pk>/", explain.of_one, name="explain_one"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
