"""What people say about virtual keys."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.gateway.issuing import Terms
from dashboard.gateway.models import VirtualKey
from dashboard.keys.models import Account
from dashboard.rembg.parameters import FORMATS, PARSERS
from dashboard.removals.forms import MOST_CREDITS, known_tags
from dashboard.teams.models import Membership, Role, Team

FIELDS = tuple(name for name in PARSERS if name != "format")
KEEP, NEVER = "keep", "never"
EXPIRIES: list[tuple[str, str | Promise]] = [
    ("30", _("In 30 days")),
    ("90", _("In 90 days")),
    (NEVER, _("Never")),
]
LONGEST = timedelta(days=3650)
OVERLAPS = (
    (0, _("At once")),
    (1, _("After 1 hour")),
    (24, _("After 24 hours")),
    (168, _("After 7 days")),
)


class MemberField(forms.ModelChoiceField):
    """A choice of people."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the name that the person is known by."""
        return str(obj.user)


class TermsForm(forms.Form):
    """What page, JSON API and command ask alike: label, tag, account and caps of a key."""

    label = forms.CharField(
        label=_("Label"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    tag = forms.CharField(
        label=_("Tag"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "tags"}),
    )
    account = forms.ModelChoiceField(
        label=_("Paid by"),
        queryset=Account.objects.none(),
        required=False,
        empty_label=_("The account with most credits left"),
    )
    falls_over = forms.BooleanField(
        label=_("Use another account when this one has run out"), required=False
    )
    soft = forms.IntegerField(
        label=_("Warn at"), required=False, min_value=1, max_value=MOST_CREDITS
    )
    hard = forms.IntegerField(
        label=_("Stop at"), required=False, min_value=1, max_value=MOST_CREDITS
    )

    def __init__(self, *args: Any, team: Team, keep: Account | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team = team
        # One that was archived since it was chosen stays until somebody chooses another.
        kept = team.accounts.filter(pk__in=[keep.pk] if keep else [])
        accounts = (team.accounts.active() | kept).order_by("label", "pk")
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a warning that would come after the stop."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        soft, hard = data.get("soft"), data.get("hard")
        if soft is not None and hard is not None and soft > hard:
            self.add_error("soft", _("The warning must come before the stop."))
        return data


class KeyForm(TermsForm):
    """A virtual key as its page asks for it; `terms` are there once it is valid."""

    expiry = forms.ChoiceField(label=_("Expires"), choices=EXPIRIES, initial="90")
    expires_on = forms.DateField(
        label=_("Or on a date"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    allowed_formats = forms.MultipleChoiceField(
        label=_("Formats"),
        choices=[(name, name.upper()) for name in FORMATS],
        initial=list(FORMATS),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Allow at least one format.")},
    )
    allowed_fields = forms.MultipleChoiceField(
        label=_("Fields"),
        choices=[(name, name) for name in FIELDS],
        initial=list(FIELDS),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, team: Team, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, team=team, **kwargs)
        self.at = at

    def clean_expires_on(self) -> datetime | None:
        """Return the last second of that day in the team's zone."""
        on = self.cleaned_data["expires_on"]
        if on is None:
            return None
        today = timezone.localtime(self.at, self.team.zone).date()
        if not today <= on <= today + LONGEST:
            raise forms.ValidationError(_("Choose a day within the next ten years."))
        return datetime.combine(on, time(23, 59, 59), tzinfo=self.team.zone)

    @property
    def tags(self) -> list[str]:
        """Return the tags that the team uses, to be offered."""
        of_keys = VirtualKey.objects.filter(team=self.team).exclude(tag="")
        return sorted({*known_tags(self.team), *of_keys.values_list("tag", flat=True)})

    @property
    def limits_open(self) -> bool:
        """Say whether something is left out of what the key may ask for."""
        chosen = [self[name].value() or [] for name in ("allowed_formats", "allowed_fields")]
        return sum(map(len, chosen)) < len(FORMATS) + len(FIELDS)

    @property
    def terms(self) -> Terms:
        """Return what was asked for."""
        data = self.cleaned_data
        same = ("label", "tag", "account", "falls_over", "soft", "hard")
        return Terms(
            **{name: data[name] for name in same},
            expires_at=self._expires_at(),
            allowed_formats=_unless_all(data["allowed_formats"], FORMATS),
            allowed_fields=_unless_all(data["allowed_fields"], FIELDS),
        )

    def _expires_at(self) -> datetime | None:
        on: datetime | None = self.cleaned_data["expires_on"]
        expiry = self.cleaned_data["expiry"]
        if on is not None or expiry == NEVER:
            return on
        return self.at + timedelta(days=int(expiry))


class IssueForm(KeyForm):
    """A new key; an admin says for whom."""

    def __init__(self, *args: Any, by: Membership, **kwargs: Any) -> None:
        super().__init__(*args, team=by.team, **kwargs)
        self.by = by
        if by.may(Role.ADMIN):
            people = by.team.memberships.by_rank().exclude(role=Role.VIEWER)
            self.fields["member"] = MemberField(
                label=_("For"), queryset=people, initial=by.pk, empty_label=None
            )

    @property
    def holder(self) -> Membership:
        """Return who gets the key."""
        chosen: Membership = self.cleaned_data.get("member", self.by)
        return chosen


class ChangeForm(KeyForm):
    """Other terms for a key."""

    def __init__(self, *args: Any, key: VirtualKey, may_raise: bool, **kwargs: Any) -> None:
        initial = _initial(key)
        super().__init__(*args, team=key.team, keep=key.account, initial=initial, **kwargs)
        self.key = key
        self.fields["expiry"].choices = [(KEEP, _("As it is")), *EXPIRIES]  # type: ignore[attr-defined]
        self.fields["account"].disabled = not may_raise and key.budget.hard is not None

    def _expires_at(self) -> datetime | None:
        if self.cleaned_data["expiry"] == KEEP and not self.cleaned_data["expires_on"]:
            return self.key.expires_at
        return super()._expires_at()


class RotateForm(forms.Form):
    """When the old secret ends, and which one it is."""

    overlap = forms.TypedChoiceField(
        label=_("The old secret ends"), choices=OVERLAPS, coerce=int, initial=24
    )
    hint = forms.CharField(max_length=4, widget=forms.HiddenInput)


class KeyFilterForm(forms.Form):
    """Whose keys to show."""

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["member"] = MemberField(
            label=_("Member"),
            queryset=team.memberships.by_rank(),
            required=False,
            empty_label=_("Everybody"),
        )


class BackForm(forms.Form):
    """Which page a button was on."""

    back = forms.ChoiceField(choices=[(name, name) for name in ("keys", "key", "review")])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.page = self.cleaned_data["back"] if self.is_valid() else "keys"


def _initial(key: VirtualKey) -> dict[str, Any]:
    return {
        "label": key.label,
        "tag": key.tag,
        "account": key.account_id,
        "falls_over": key.falls_over,
        "soft": key.budget.soft,
        "hard": key.budget.hard,
        "expiry": KEEP,
        "allowed_formats": list(FORMATS) if key.allowed_formats is None else key.allowed_formats,
        "allowed_fields": list(FIELDS) if key.allowed_fields is None else key.allowed_fields,
    }


def _unless_all(chosen: list[str], every: tuple[str, ...]) -> list[str] | None:
    return None if set(chosen) == set(every) else chosen
