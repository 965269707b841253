"""Addresses of the removals app."""

from django.urls import path

from dashboard.removals import afterwards, downloads, views

app_name = "removals"
HERE = "teams/<slug:slug>/removals/"
ONE = f"{HERE}<uuid:pk>/"
urlpatterns = [
    path(HERE, views.collection, name="index"),
    path(HERE, views.collection, name="create"),
    path(ONE, views.detail, name="detail"),
    path(f"{ONE}status.json", views.status, name="status"),
    path(f"{ONE}result", downloads.result, name="result"),
    path(f"{ONE}original", downloads.original, name="original"),
    path(f"{ONE}thumbnail", downloads.thumbnail, name="thumbnail"),
    path(f"{ONE}again", afterwards.again, name="again"),
    path(f"{ONE}delete-pictures", afterwards.delete_pictures, name="delete_pictures"),
]
