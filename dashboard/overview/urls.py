"""Addresses of the home page, of what is shared, and of the machine's own questions."""

from django.urls import path

from dashboard.overview import explain, health, metrics, price_views, statement_views, views
from dashboard.overview.sharing import public
from dashboard.overview.sharing import views as sharing_views

app_name = "overview"
STATEMENTS = "teams/<slug:slug>/statements/"
STATEMENT = f"{STATEMENTS}<uuid:pk>/<slug:key>"
urlpatterns = [
    path("teams/<slug:slug>/", views.team, name="team"),
    path("teams/<slug:slug>/sharing/", sharing_views.sharing, name="sharing"),
    path(
        "teams/<slug:slug>/sharing/<uuid:pk>/revoke/", sharing_views.revoke, name="sharing_revoke"
    ),
    # The access log leaves out what is called `token`.
    path("shared/<str:token>/", public.page, name="shared"),
    path("shared/<str:token>/chart.json", public.chart, name="shared_chart"),
    path("shared/<str:token>/badge.svg", public.badge, name="badge"),
    path(STATEMENTS, statement_views.index, name="statements"),
    path(f"{STATEMENTS}months/", statement_views.newest_month, name="months"),
    path(f"{STATEMENTS}months/<slug:month>/", statement_views.month_statement, name="month"),
    path(f"{STATEMENTS}months/<slug:month>.csv", statement_views.month_as_csv, name="month_csv"),
    path(f"{STATEMENTS}months/<slug:month>.xlsx", statement_views.month_as_xlsx, name="month_xlsx"),
    path(f"{STATEMENTS}prices/", price_views.index, name="prices"),
    path(f"{STATEMENTS}prices/<int:pk>/remove/", price_views.remove, name="remove_price"),
    path(
        f"{STATEMENTS}<uuid:pk>/cycles/<slug:kind>.json",
        statement_views.chart,
        name="statements_chart",
    ),
    path(f"{STATEMENT}/", statement_views.cycle_statement, name="statement"),
    path(f"{STATEMENT}.csv", statement_views.as_csv, name="statement_csv"),
    path(f"{STATEMENT}.xlsx", statement_views.as_xlsx, name="statement_xlsx"),
    path("teams/<slug:slug>/explain/<slug:number>/", explain.of_team, name="explain"),
    path("teams/<slug:slug>/explain/<slug:number>/<uuid:pk>/", explain.of_one, name="explain_one"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]
