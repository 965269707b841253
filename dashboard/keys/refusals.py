"""Why RemBG did not do it, in plain words: what happened, what it means, the next step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.rembg import errors
from dashboard.rembg.errors import RembgError

Text = str | Promise


@dataclass(frozen=True)
class Refusal:
    """What happened (a sentence without its full stop), what it means, the next step."""

    title: Text
    reason: Text
    next_step: Text

    def __str__(self) -> str:
        return f"{self.title}. {self.next_step}"


NO_CREDIT = _("No credit was spent.")
MAYBE_CREDIT = _("It is not known whether a credit was spent.")
ASK_AGAIN = _("Try again in a few minutes.")
LOOK_AT_USAGE = _("Look at the account's usage before you send the picture again.")
ASK_OPERATOR = _("If it stays like this, ask whoever runs this site.")
CORRECT = _("Correct the marked field and try again.")
ANOTHER_PICTURE = _("Choose another picture.")

# Looked up along the family of the error, the nearest first. "" as a title stands for the error's
# own sentence: RemBG's about a picture or a field is more exact than any of ours.
WORDS: dict[type[RembgError], Refusal] = {
    RembgError: Refusal(_("RemBG could not do this"), MAYBE_CREDIT, ASK_AGAIN),
    errors.NotSent: Refusal(
        _("RemBG could not be reached"),
        _("Nothing was sent, so no credit was spent."),
        _("We try again on our own. If it stays like this, check this server's network."),
    ),
    errors.ConnectTimeout: Refusal(
        _("RemBG did not answer in time"),
        _("Nothing was sent, so no credit was spent."),
        _("We try again on our own. If it stays like this, check this server's network."),
    ),
    errors.TlsFailed: Refusal(
        _("The secure connection to RemBG failed"),
        _("Its certificate could not be trusted, so neither key nor picture was sent."),
        _("Ask whoever runs this site to check REMBG_API_URL, REMBG_SITE_URL and the clock."),
    ),
    errors.BreakerOpen: Refusal(
        _("RemBG has not been answering properly"),
        _("We are holding back for a moment; nothing was sent."),
        _("We try again on our own, shortly."),
    ),
    errors.MalformedKey: Refusal(
        _("This does not look like a RemBG key"),
        _("A key is 8 to 256 letters, digits and signs, without spaces."),
        _("Copy it again from your RemBG account, alone and whole."),
    ),
    errors.Refused: Refusal("", NO_CREDIT, _("Change what was asked and try again.")),
    errors.PictureRefused: Refusal("", NO_CREDIT, ANOTHER_PICTURE),
    errors.FileTooLarge: Refusal("", NO_CREDIT, _("Save it smaller, at most 50 MB.")),
    errors.TooWide: Refusal("", NO_CREDIT, _("Scale it down to at most 10,000 px a side.")),
    errors.TooTall: Refusal("", NO_CREDIT, _("Scale it down to at most 10,000 px a side.")),
    errors.FileType: Refusal("", NO_CREDIT, _("Save it as PNG, JPEG, WebP or BMP.")),
    errors.Truncated: Refusal("", NO_CREDIT, _("Check that the file opens, then upload it again.")),
    errors.FieldRefused: Refusal("", NO_CREDIT, CORRECT),
    errors.InvalidFields: Refusal(
        _("Several fields are wrong"), NO_CREDIT, _("Correct the marked fields and try again.")
    ),
    errors.AccountRefused: Refusal(
        _("RemBG refused this key"),
        NO_CREDIT,
        _("Sign in to the RemBG account and see what it says, then test again."),
    ),
    errors.TwoCredentials: Refusal(
        _("RemBG saw two ways to sign in at once"),
        _("Something between this site and RemBG adds a credential of its own."),
        _("Ask whoever runs this site to look at its proxy."),
    ),
    errors.BadKey: Refusal(
        _("RemBG refused this key: it is not valid"),
        _("It was mistyped, replaced or deleted in the RemBG account. No credit was spent."),
        _("Copy the key from the RemBG account and replace it here."),
    ),
    errors.Unverified: Refusal(
        _("RemBG refused this key: its e-mail address is not verified"),
        _("RemBG serves an account only after its address is confirmed. No credit was spent."),
        _("Check the inbox of the RemBG account, then test again."),
    ),
    errors.Forbidden: Refusal(
        _("RemBG refused this key without saying why"),
        _("The account may be closed, or a firewall stands in between. No credit was spent."),
        _("Sign in to the RemBG account and see what it says, then test again."),
    ),
    errors.Limited: Refusal(_("RemBG's limit is reached"), NO_CREDIT, ASK_AGAIN),
    errors.RateShort: Refusal(
        _("RemBG asks for a pause: too many requests at once"),
        NO_CREDIT,
        _("We wait as long as it asks, then go on."),
    ),
    errors.RateUnknown: Refusal(
        _("RemBG asks for a pause"),
        _("It did not say which limit is reached. No credit was spent."),
        _("We wait a little, then go on."),
    ),
    errors.RateDaily: Refusal(
        _("RemBG's daily limit is reached"),
        _("It ends at midnight UTC. No credit was spent."),
        _("We go on after midnight UTC; another account can go on now."),
    ),
    errors.RateMonthly: Refusal(
        _("The account's credits are used up"),
        _("Nothing can be sent until the cycle renews or credits are bought. No credit was spent."),
        _("Buy credits in the RemBG account, or use another account."),
    ),
    errors.OutcomeUnknown: Refusal(_("The connection to RemBG broke"), MAYBE_CREDIT, LOOK_AT_USAGE),
    errors.AnswerTimeout: Refusal(_("RemBG did not answer in time"), MAYBE_CREDIT, LOOK_AT_USAGE),
    errors.DeadlinePassed: Refusal(_("RemBG took too long"), MAYBE_CREDIT, LOOK_AT_USAGE),
    errors.SourceChanged: Refusal(
        _("The picture changed while it was being sent"),
        MAYBE_CREDIT,
        _("Upload the picture again."),
    ),
    errors.BadAnswer: Refusal(
        _("RemBG's answer could not be understood"), MAYBE_CREDIT, LOOK_AT_USAGE
    ),
    errors.CutPicture: Refusal(
        _("RemBG's picture arrived incomplete"), MAYBE_CREDIT, LOOK_AT_USAGE
    ),
    errors.AnswerTooLarge: Refusal(
        _("RemBG's answer was larger than any picture may be"), MAYBE_CREDIT, LOOK_AT_USAGE
    ),
    errors.UpstreamError: Refusal(_("RemBG has a problem"), MAYBE_CREDIT, LOOK_AT_USAGE),
    errors.Redirected: Refusal(
        _("RemBG's address answered with a redirect"),
        _("It is not followed, because the key would travel along. No credit was spent."),
        _("Ask whoever runs this site to check REMBG_API_URL and REMBG_SITE_URL."),
    ),
    errors.NotHttp: Refusal(
        _("What answered did not speak as RemBG does"), MAYBE_CREDIT, ASK_OPERATOR
    ),
    errors.NotStored: Refusal(
        _("The picture came, and could not be written down here"),
        _("One credit was spent."),
        _("Ask whoever runs this site to make room on the disk."),
    ),
}


ASKING_IS_FREE = _("Asking costs no credit.")
ASKED_AGAIN = _("We ask again on our own.")
# What to do where a person asks and nothing goes on by itself.
BY_HAND: dict[type[RembgError], Text] = {
    errors.NotSent: _(
        "Try again in a few minutes. If it stays like this, check this server's network."
    ),
    errors.TlsFailed: WORDS[errors.TlsFailed].next_step,
    errors.BreakerOpen: ASK_AGAIN,
    errors.BadKey: _("Copy it again from the RemBG account, alone and whole."),
    errors.RateShort: ASK_AGAIN,
    errors.RateUnknown: ASK_AGAIN,
    errors.RateDaily: _("Try again after midnight UTC."),
}


def explain_question(error: RembgError | str, *, by_hand: bool = False) -> Refusal:
    """Return why a question about usage went wrong: no picture was sent, and asking is free.

    `by_hand`: a person asked, and nothing is asked again on its own.
    """
    found = explain(error)
    kind = BY_CODE.get(error, RembgError) if isinstance(error, str) else type(error)
    step = found.next_step
    if step in (LOOK_AT_USAGE, ASK_AGAIN):
        step = ASK_AGAIN if by_hand else ASKED_AGAIN
    if by_hand:
        step = next((BY_HAND[family] for family in kind.__mro__ if family in BY_HAND), step)
    return Refusal(found.title, ASKING_IS_FREE, step)


def explain(error: RembgError | str) -> Refusal:
    """Return an error, or a code that was kept of one, in plain words."""
    kind = BY_CODE.get(error, RembgError) if isinstance(error, str) else type(error)
    found = next(WORDS[family] for family in kind.__mro__ if family in WORDS)
    if found.title:
        return found
    sentence = kind.sentence if isinstance(error, str) else error.message
    return Refusal(sentence.rstrip("."), found.reason, found.next_step)


def _family(kind: type[RembgError]) -> Iterator[type[RembgError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


BY_CODE = {kind.code: kind for kind in _family(RembgError)}
