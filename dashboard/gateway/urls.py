"""Addresses of the wire, and of virtual keys."""

from django.urls import path, re_path

from dashboard.gateway import views, wire
from dashboard.rembg.address import WRONG_ADDRESSES

app_name = "gateway"
HERE = "teams/<slug:slug>/virtual-keys/"
ONE = f"{HERE}<uuid:pk>/"
urlpatterns = [
    path("rmbg", wire.rmbg, name="rmbg"),
    path("api/membership-usage", wire.membership_usage, name="membership_usage"),
    path("api/openapi", wire.document, name="openapi"),
    re_path(rf"^{WRONG_ADDRESSES}$", wire.wrong_address),
    path(HERE, views.keys, name="keys"),
    path(f"{HERE}issue/", views.issue, name="issue"),
    path(f"{HERE}review/", views.review, name="review"),
    path(ONE, views.key, name="key"),
    path(f"{ONE}change/", views.change, name="change"),
    path(f"{ONE}pause/", views.pause, name="pause"),
    path(f"{ONE}resume/", views.resume, name="resume"),
    path(f"{ONE}rotate/", views.rotate, name="rotate"),
    path(f"{ONE}revoke/", views.revoke, name="revoke"),
]
