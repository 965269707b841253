"""Addresses of the removals app."""

from django.urls import path

from dashboard.removals import actions, budget_views, downloads, views

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
    path(f"{ONE}again", actions.again, name="again"),
    path("teams/<slug:slug>/budgets/", budget_views.index, name="budgets"),
    path("teams/<slug:slug>/budgets/<uuid:pk>/", budget_views.one, name="budget"),
    path("teams/<slug:slug>/budgets/<uuid:pk>/remove/", budget_views.remove, name="budget_remove"),
    path("teams/<slug:slug>/members/<int:pk>/budget/", budget_views.member, name="budget_member"),
    path(f"{ONE}delete-pictures", actions.delete_pictures, name="delete_pictures"),
]
