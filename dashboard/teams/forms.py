"""What people may say about themselves, their team and who is in it."""

import zoneinfo
from typing import Any, ClassVar

from allauth.core import context
from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dashboard.teams.adapter import invitation_of
from dashboard.teams.audit import words
from dashboard.teams.models import AccessToken, Membership, Role, Team, User
from dashboard.teams.roster import found_team

ZONES = [(name, name) for name in sorted(zoneinfo.available_timezones())]
TOKEN_DAYS = (
    (30, _("30 days")),
    (90, _("90 days")),
    (365, _("1 year")),
    (0, _("Never")),
)


class SignUpForm(forms.Form):
    """What allauth's sign-up form asks beside address and password."""

    field_order = ("email", "name", "password1")

    name = forms.CharField(
        label=_("Your name"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if invitation := invitation_of(context.request):
            self.initial.setdefault("email", invitation.email)

    def signup(self, request: HttpRequest, user: User) -> None:
        """Keep the name; who was not invited gets a team of their own."""
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
        invitation = invitation_of(request)
        if invitation is None or not invitation.is_for(user):
            name = user.name or user.email.partition("@")[0]
            found_team(name, owner=user, at=timezone.now())


class TeamForm(forms.ModelForm):
    """A new team."""

    class Meta:
        model = Team
        fields: ClassVar = ["name"]


class SettingsForm(forms.ModelForm):
    """A team's name, zone, and which pictures it keeps for how long."""

    time_zone = forms.ChoiceField(label=_("Time zone"), choices=ZONES)

    class Meta:
        model = Team
        fields: ClassVar = ["name", "time_zone", "retention_days", "keeps_api_pictures"]
        labels: ClassVar = {
            "keeps_api_pictures": _("Keep pictures of API calls"),
            "name": _("Team name"),
            "retention_days": _("Keep pictures for"),
        }


class RoleForm(forms.Form):
    """A member's role, out of those that this person may give."""

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        may_give = [(role.value, role.label) for role in Role if by.may(role)]
        self.fields["role"] = forms.ChoiceField(label=_("Role"), choices=may_give)


class InviteForm(RoleForm):
    """An address, and the role that it is invited to."""

    field_order = ("email", "role")

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].initial = Role.MEMBER


class TokenForm(forms.Form):
    """A new access token: what it is for, and for how long."""

    label = forms.CharField(
        label=_("Label"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    days = forms.TypedChoiceField(
        label=_("Expires after"), choices=TOKEN_DAYS, coerce=int, initial=90
    )

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.membership = membership

    def clean_label(self) -> str:
        """Refuse a label in use: sending the page again then makes no second token (K12)."""
        label: str = self.cleaned_data["label"]
        live = AccessToken.objects.active(at=timezone.now())
        if live.filter(membership=self.membership, label=label).exists():
            raise forms.ValidationError(_("You have a token with this label already."))
        return label


class AuditFilterForm(forms.Form):
    """Which entries of the audit trail to show."""

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        actions = [(action, words(action)) for action in team.audit_entries.actions()]
        self.fields["action"] = forms.ChoiceField(
            label=_("Action"), required=False, choices=[("", _("Everything")), *actions]
        )
