"""What people say about a key."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import ApiKey
from dashboard.lib.redaction import remember
from dashboard.rembg import apikey
from dashboard.rembg.errors import MalformedKey
from dashboard.teams.models import Team

# K13: neither kept by a password manager, nor sent to a spelling service.
SECRET_ATTRIBUTES = {
    "autocomplete": "new-password",
    "spellcheck": "false",
    "autocapitalize": "off",
    "data-1p-ignore": "",
    "data-lpignore": "true",
}


class LabelForm(forms.Form):
    """A key's label, unlike those of the team's other keys."""

    label = forms.CharField(
        label=_("Label"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, team: Team, key: ApiKey | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team, self.key = team, key
        if key is not None:
            self.fields["label"].initial = key.label

    def clean_label(self) -> str:
        """Refuse a label that another active key of the team has."""
        label: str = self.cleaned_data["label"]
        namesake = self.team.api_keys.active().filter(label=label).first()
        if namesake not in (None, self.key):
            raise forms.ValidationError(_("The team has a key with this label already."))
        return label


class SecretForm(forms.Form):
    """A RemBG key; what was typed is never shown again, right or wrong (K1, K2)."""

    secret = forms.CharField(
        label=_("RemBG key"),
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs=SECRET_ATTRIBUTES),
        error_messages={"null_characters_not_allowed": MalformedKey.sentence},
    )

    def clean_secret(self) -> str:
        """Take outer white space away; refuse what cannot be a key, without quoting it."""
        remember(self.cleaned_data["secret"])
        try:
            secret = apikey.clean(self.cleaned_data["secret"])
        except MalformedKey:
            raise forms.ValidationError(_("This does not look like a RemBG key.")) from None
        remember(secret)
        return secret


class ApiKeyForm(SecretForm, LabelForm):
    """A new key: its label, and the key itself."""

    field_order = ("label", "secret")
