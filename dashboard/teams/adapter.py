"""How django-allauth behaves here: who may sign up, and where the links in letters lead."""

from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.teams import inviting, sign_in_limits
from dashboard.teams.models import Invitation, User

PRODUCT = "RemBG dashboard"


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up by invitation even where it is closed; nothing believes the Host header (T18, T25).

    Links lead to SITE_URL, and wrong passwords are counted by `sign_in_limits` in place of
    django-allauth's own count, which begins anew for every Host.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.SIGN_UP_OPEN or invitation_of(request) is not None

    def clean_email(self, email: str) -> str:
        if self.request.resolver_match.url_name != "account_signup" or settings.SIGN_UP_OPEN:
            return email
        invitation = invitation_of(self.request)
        if invitation is None or invitation.email.lower() != email.lower():
            raise ValidationError(_("Use the address that the invitation was sent to."))
        return email

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        login = credentials.get("email", "")
        if login and not sign_in_limits.take_try(request, login):
            raise self.validation_error("too_many_login_attempts")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        user: User | None = super().authenticate(request, **credentials)
        if user is not None and "email" in credentials:
            sign_in_limits.note_right(request, credentials["email"])
        return user

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        sign_in_limits.note_wrong(request)

    def set_password(self, user: User, password: str) -> None:
        super().set_password(user, password)
        others = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
        for login in {user.email, *others}:
            sign_in_limits.forgive(login)

    def format_email_subject(self, subject: str) -> str:
        return str(subject)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        links = {name: _ours(value) for name, value in context.items() if name.endswith("_url")}
        site = {"name": PRODUCT, "domain": urlsplit(settings.SITE_URL).netloc}
        super().send_mail(template_prefix, email, {**context, **links, "current_site": site})


def invitation_of(request: HttpRequest) -> Invitation | None:
    """Return the open invitation that this visitor came with, if any."""
    try:
        return inviting.kept(request, at=timezone.now())
    except inviting.Dead:
        return None


def _ours(address: str) -> str:
    """Return the same page under SITE_URL; the Host header may be anybody's."""
    parts = urlsplit(address)
    return settings.SITE_URL + parts._replace(scheme="", netloc="").geturl()
