"""What people say about budgets."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account
from dashboard.removals.forms import known_tags
from dashboard.removals.models import Budget, Subject
from dashboard.removals.periods import first_accounts
from dashboard.teams.models import Team

MOST = 1_000_000_000  # Credits a cycle; what a column of the database has room for.


def _first(team: Team) -> str:
    """Name what a budget follows that names no account."""
    account = first_accounts(team).first()
    if account is None:
        return gettext("The calendar month (UTC)")
    return gettext("The team's first account (%(account)s)") % {"account": account.label}


class LimitsForm(forms.Form):
    """Where a budget warns and stops, and whose cycle it follows."""

    soft = forms.IntegerField(label=_("Warn at"), required=False, min_value=1, max_value=MOST)
    hard = forms.IntegerField(label=_("Stop at"), required=False, min_value=0, max_value=MOST)
    account = forms.ModelChoiceField(
        label=_("Counts in the cycle of"),
        queryset=Account.objects.none(),
        required=False,
    )

    def __init__(self, *args: Any, team: Team, budget: Budget | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team = team
        if budget:
            self.initial.update(soft=budget.soft, hard=budget.hard, account=budget.account)
        # One that was archived since it was chosen stays until somebody chooses another.
        kept = team.accounts.filter(pk__in=[budget.account_id] if budget else [])
        accounts = (team.accounts.active() | kept).order_by("label", "pk")
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]
        self.fields["account"].empty_label = _first(team)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a warning that would come after the stop, and a budget without either."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        soft, hard = data.get("soft"), data.get("hard")
        if soft is not None and hard is not None and soft > hard:
            self.add_error("soft", _("The warning must come before the stop."))
        if not self.errors and soft is None and hard is None:
            self.add_error("hard", _("Say where it warns, where it stops, or both."))
        return data


class TagBudgetForm(LimitsForm):
    """A budget for a tag that has none."""

    field_order = ("tag", "soft", "hard", "account")

    tag = forms.CharField(
        label=_("Tag"),
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "tags"}),
    )

    def clean_tag(self) -> str:
        """Refuse a tag whose budget is in the list."""
        tag: str = self.cleaned_data["tag"]
        if Budget.objects.filter(team=self.team, kind=Subject.TAG, subject=tag).exists():
            raise forms.ValidationError(_("This tag has a budget already: edit it in the list."))
        return tag

    @property
    def tags(self) -> list[str]:
        """Return the tags that the team uses, to be offered."""
        return known_tags(self.team)
