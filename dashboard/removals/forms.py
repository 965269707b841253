"""Forms: a picture and its parameters, the list's filter, and budgets."""

from __future__ import annotations

import uuid
from typing import Any, BinaryIO, cast

from django import forms
from django.db.models import Exists, OuterRef
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account, ApiKey
from dashboard.lib.form_reader import FilePart, MultipartForm
from dashboard.rembg import pictures
from dashboard.rembg.errors import FieldProblem, RembgError
from dashboard.rembg.parameters import PARSERS, Parameters
from dashboard.rembg.pictures import Picture
from dashboard.removals.models import Budget, Source, State, Subject
from dashboard.removals.periods import first_accounts
from dashboard.removals.picture_form import picture_of
from dashboard.teams.models import Team

FORMATS = [("png", "PNG"), ("webp", "WebP"), ("jpeg", "JPEG"), ("bmp", "BMP")]
MOST_CREDITS = 1_000_000_000  # Credits a cycle; what a column of the database has room for.


class OpenChoice(forms.ChoiceField):
    """A choice whose value is judged by `rembg.parameters`, in RemBG's words."""

    def validate(self, value: Any) -> None:
        """Accept anything here."""


class RemovalForm(forms.Form):
    """One picture and what is asked for it.

    The rules are those of `rembg.parameters` and `rembg.pictures`; `problems` are their errors. The
    attributes below are there once it is valid.
    """

    image = forms.FileField(required=False, allow_empty_file=True)
    nonce = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)
    # Sent by the page, where a box that is not ticked is absent; elsewhere absent means default.
    boxes = forms.CharField(required=False, widget=forms.HiddenInput, initial="shown")
    format = OpenChoice(required=False, choices=FORMATS, initial="png", label=_("Format"))
    w = forms.CharField(required=False, label=_("Width"))
    h = forms.CharField(required=False, label=_("Height"))
    exact_resize = forms.BooleanField(required=False, label=_("Exact size"))
    bg_color = forms.CharField(required=False, label=_("Background"))
    mask = forms.BooleanField(required=False, label=_("Mask only"))
    angle = forms.CharField(required=False, label=_("Rotation"))
    expand = forms.BooleanField(required=False, initial=True, label=_("Grow the canvas"))
    account = forms.ModelChoiceField(
        queryset=Account.objects.none(),
        required=False,
        label=_("Paid by"),
        empty_label=_("The account with most credits left"),
    )

    tag = forms.CharField(
        required=False,
        max_length=40,
        label=_("Tag"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "list": "tags"}),
    )

    file: FilePart
    picture: Picture
    content: BinaryIO
    asked: Parameters

    def __init__(
        self, *args: Any, team: Team, upload: MultipartForm | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.team = team
        self.upload = upload
        self.problems: list[RembgError] = []
        self.fields["nonce"].initial = uuid.uuid4
        accounts = accounts_with_keys(team)
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]
        if not self.is_bound and len(accounts) < 2:
            del self.fields["account"]

    def clean(self) -> dict[str, Any]:
        """Judge picture and parameters, all of both, before a credit is spent (P11)."""
        try:
            self.asked = Parameters.parse(self._pairs())
        except RembgError as problem:
            self._complain(problem)
        try:
            self.picture, self.content = self._look()
        except RembgError as problem:
            self._complain(problem)
        return self.cleaned_data

    @property
    def tags(self) -> list[str]:
        """Return the tags that the team uses, to be offered."""
        return known_tags(self.team)

    @property
    def details(self) -> list[FieldProblem]:
        """Return every field that is wrong, as RemBG would."""
        return [
            FieldProblem(name, str(message))
            for name, messages in self.errors.items()
            for message in messages
        ]

    def _pairs(self) -> list[tuple[str, str]]:
        data = self.data
        sent = data.lists() if isinstance(data, QueryDict) else []
        pairs = [(name, text) for name, texts in sent for text in texts if name in PARSERS]
        if data.get("boxes") and "expand" not in data:
            pairs.append(("expand", "false"))
        return pairs

    def _look(self) -> tuple[Picture, BinaryIO]:
        """Return what the picture is and what of it may leave; raise why it is refused."""
        self.file = picture_of(self.upload or MultipartForm())
        content = cast(BinaryIO, self.file.content)
        return pictures.without_metadata(content, filename=self.file.filename)

    def _complain(self, problem: RembgError) -> None:
        self.problems.append(problem)
        for detail in problem.details:
            name = detail.field if detail.field in self.fields else None
            self.add_error(name, forms.ValidationError(detail.message))


class RemovalFilterForm(forms.Form):
    """Which removals a list shows; a value that is not known shows all."""

    whose = forms.ChoiceField(
        required=False, choices=[("", _("Everyone")), ("mine", _("Mine"))], label=_("Whose")
    )
    state = forms.ChoiceField(
        required=False,
        choices=[
            ("", _("Any state")),
            ("running", _("Running")),
            (State.DONE, State.DONE.label),
            (State.FAILED, State.FAILED.label),
            (State.UNKNOWN, State.UNKNOWN.label),
        ],
        label=_("State"),
    )
    account = forms.ModelChoiceField(
        queryset=Account.objects.none(),
        required=False,
        empty_label=_("Any account"),
        label=_("Account"),
    )
    source = forms.ChoiceField(
        required=False, choices=[("", _("Form and API")), *Source.choices], label=_("Source")
    )
    tag = forms.ChoiceField(required=False, label=_("Tag"))

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # An old link may name a tag that is not among the newest.
        tags = {*team.removals.tags(), self.data.get("tag", "")} - {""}
        choices = [("", _("Any tag")), *((tag, tag) for tag in sorted(tags))]
        self.fields["tag"].choices = choices  # type: ignore[attr-defined]
        if not tags:
            del self.fields["tag"]
        self.fields["account"].queryset = team.accounts.order_by("label", "pk")  # type: ignore[attr-defined]

    @property
    def is_set(self) -> bool:
        """Say whether anything is left out."""
        return self.is_valid() and any(self.cleaned_data.values())


def accounts_with_keys(team: Team) -> Any:
    """Return the team's accounts that a removal can be paid by."""
    keys = ApiKey.objects.active().filter(account=OuterRef("pk"))
    return team.accounts.active().filter(Exists(keys)).order_by("label", "pk")


def known_tags(team: Team) -> list[str]:
    """Return the tags of the team's newest removals and of its budgets."""
    of_budgets = Budget.objects.filter(team=team, kind=Subject.TAG)
    return sorted({*team.removals.tags(), *of_budgets.values_list("subject", flat=True)})


def _default_cycle(team: Team) -> str:
    """Name what a budget follows that names no account."""
    account = first_accounts(team).first()
    if account is None:
        return gettext("The calendar month (UTC)")
    return gettext("The team's first account (%(account)s)") % {"account": account.label}


class LimitsForm(forms.Form):
    """Where a budget warns and stops, and whose cycle it follows."""

    soft = forms.IntegerField(
        label=_("Warn at"), required=False, min_value=1, max_value=MOST_CREDITS
    )
    hard = forms.IntegerField(
        label=_("Stop at"), required=False, min_value=0, max_value=MOST_CREDITS
    )
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
        self.fields["account"].empty_label = _default_cycle(team)  # type: ignore[attr-defined]

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
