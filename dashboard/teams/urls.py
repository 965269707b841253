"""Addresses of people and teams."""

from django.urls import path

from dashboard.teams.views import members, teams

app_name = "teams"
urlpatterns = [
    path("", teams.home, name="home"),
    path("teams/", teams.index, name="index"),
    path("invitations/", members.invitation, name="waiting"),
    path("invitations/<str:token>/", members.invitation, name="invitation"),
    path("teams/<slug:slug>/members/", members.members, name="members"),
    path("teams/<slug:slug>/members/invite/", members.invite, name="invite"),
    path("teams/<slug:slug>/members/leave/", members.leave, name="members_leave"),
    path("teams/<slug:slug>/members/<int:pk>/role/", members.change_role, name="members_role"),
    path("teams/<slug:slug>/members/<int:pk>/remove/", members.remove, name="members_remove"),
    path(
        "teams/<slug:slug>/members/invitations/<int:pk>/revoke/",
        members.revoke_invitation,
        name="invite_revoke",
    ),
    path("teams/<slug:slug>/settings/", teams.settings, name="settings"),
    path("teams/<slug:slug>/settings/tokens/", teams.issue_token, name="issue_token"),
    path(
        "teams/<slug:slug>/settings/tokens/<int:pk>/revoke/",
        teams.revoke_token,
        name="settings_token_revoke",
    ),
    path("teams/<slug:slug>/audit/", teams.audit, name="audit"),
]
