"""The addresses of the house, wired together."""

from django.urls import include, path
from ninja import NinjaAPI

from dashboard.teams.api import API_AUTH, answer_errors
from dashboard.usage.api import router as usage

api = NinjaAPI(
    title="RemBG dashboard",
    version="1",
    description="Read-only: accounts, cycles and readings of a team. Counters are credits.",
    auth=API_AUTH,
    docs_url=None,
    urls_namespace="api",
)
answer_errors(api)
api.add_router("", usage)

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("api/v1/", api.urls),
    path("", include("dashboard.teams.urls")),
    path("", include("dashboard.keys.urls")),
    path("", include("dashboard.usage.urls")),
    path("", include("dashboard.removals.urls")),
    path("", include("dashboard.overview.urls")),
]
handler400 = "dashboard.overview.failures.bad_request"
handler403 = "dashboard.overview.failures.forbidden"
handler404 = "dashboard.overview.failures.not_found"
handler500 = "dashboard.overview.failures.broken"
