"""Addresses of the wire, and of virtual keys."""

from django.urls import path, re_path

from dashboard.gateway import pages, wire
from dashboard.rembg.address import WRONG_ADDRESSES

app_name = "gateway"
HERE = "teams/<slug:slug>/virtual-keys/"
ONE = f"{HERE}<uuid:pk>/"
urlpatterns = [
    path("rmbg", wire.rmbg, name="rmbg"),
    path("api/membership-usage", wire.membership_usage, name="membership_usage"),
    path("api/openapi", wire.document, name="openapi"),
    re_path(rf"^{WRONG_ADDRESSES}$", wire.wrong_address),
    path(HERE, pages.keys, name="keys"),
    path(f"{HERE}issue/", pages.issue, name="issue"),
    path(f"{HERE}review/", pages.review, name="review"),
    path(ONE, pages.key, name="key"),
    path(f"{ONE}change/", pages.change, name="change"),
    path(f"{ONE}pause/", pages.pause, name="pause"),
    path(f"{ONE}resume/", pages.resume, name="resume"),
    path(f"{ONE}rotate/", pages.rotate, name="rotate"),
    path(f"{ONE}revoke/", pages.revoke, name="revoke"),
]
