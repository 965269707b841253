"""The addresses of the house, wired together."""

from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from dashboard.gateway.api import router as gateway
from dashboard.overview.api import router as overview
from dashboard.removals.api import router as removals
from dashboard.teams.api import API_AUTH, Api, answer_errors
from dashboard.usage.api import router as usage
from dashboard.usage.api_history import router as history

api = Api(
    title="RemBG dashboard",
    version="1",
    description=(
        "Accounts, cycles and readings of a team, to be read; virtual keys, which a signed-in "
        "person issues and changes too, with the CSRF token in `X-CSRFToken`. Counters are credits."
    ),
    auth=API_AUTH,
    docs_url=None,
    # Of the document: another method is a 405 there, too, and not a form without a token.
    docs_decorator=lambda view: csrf_exempt(require_safe(view)),
    urls_namespace="api",
)
answer_errors(api)
api.add_router("", usage)
api.add_router("", history)
api.add_router("", gateway)
api.add_router("", removals)
api.add_router("", overview)

urlpatterns = [
    path("accounts/", include("allauth.account.urls")),
    path("api/v1/", api.urls),
    path("", include("dashboard.teams.urls")),
    path("", include("dashboard.keys.urls")),
    path("", include("dashboard.usage.urls")),
    path("", include("dashboard.removals.urls")),
    path("", include("dashboard.gateway.urls")),
    path("", include("dashboard.overview.urls")),
    path("", include("dashboard.reference.urls")),
]
handler400 = "dashboard.overview.error_pages.bad_request"
handler403 = "dashboard.overview.error_pages.forbidden"
handler404 = "dashboard.overview.error_pages.not_found"
handler500 = "dashboard.overview.error_pages.broken"
