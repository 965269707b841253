"""What RemBG, or our copy of its rules, says no to.

Of several patterns in one text, that of the leaf which is defined first decides.
"""

from __future__ import annotations

from dashboard.rembg.errors.base import ASK_AGAIN, NO_CREDIT, PAUSE, RUN_LATER, RembgError
from dashboard.rembg.errors.base import gettext_noop as _

SIDES = _("Scale it down to at most 10,000 px a side.")
SCALE = _("Scale it down to 10,000 px or less.")
WHOLE_NUMBER = _("Send a whole number from 1 to 10000, or leave it out.")
SEE_ACCOUNT = _("Sign in to the RemBG account and see what it says, then test again.")


class Refused(RembgError):
    """The request is wrong (400): no credit, and asking again changes nothing."""

    sent = "yes"
    charged = "no"
    code = "refused"
    sentence = "RemBG refused this request."
    http_status = 400
    title = ""
    meaning = NO_CREDIT
    to_operator = _("Change what was asked and try again.")
    to_terminal = "Change what is asked."


class UnknownRefusal(Refused):
    """F13: a refusal whose text is not in the contract's table."""

    code = "unknown_refusal"


class PictureRefused(Refused):
    """The picture is the problem."""

    code = "picture_refused"
    field = "image"
    to_operator = _("Choose another picture.")
    to_terminal = "Choose another picture."
    group = "picture"


class NoImage(PictureRefused):
    """Contract `no_image`."""

    code = "no_image"
    sentence = "No image file provided. Please include an 'image' field in your form data."
    pattern = r"no image file"
    to_program = _("Send the file in the field image, as multipart/form-data.")


class NoFile(PictureRefused):
    """Contract `no_file`."""

    code = "no_file"
    sentence = "No file selected. Please choose an image file to upload."
    pattern = r"no file selected"
    to_program = _("The field image came without a file name: attach a file.")


class FileType(PictureRefused):
    """Contract `file_type`."""

    code = "file_type"
    sentence = "This file type is not supported. Allowed formats: webp, bmp, png, jpg, jpeg"
    pattern = r"file type .{0,60}not supported"
    to_operator = _("Save it as PNG, JPEG, WebP or BMP.")
    to_program = _("Convert it to WebP, PNG, JPEG or BMP.")


class BadSignature(PictureRefused):
    """Contract `signature`."""

    code = "signature"
    sentence = "File does not appear to be a valid image (invalid file signature)"
    pattern = r"invalid file signature|not appear to be a valid image"
    to_program = _("Choose another file: its bytes are no picture.")


class EmptyFile(PictureRefused):
    """Contract `empty_file`."""

    code = "empty_file"
    sentence = "Uploaded file is empty (0 bytes)."
    pattern = r"empty \(0 bytes\)|file is empty"
    to_program = _("Check that the file was written before it is sent.")


class FileTooLarge(PictureRefused):
    """Contract `file_size`."""

    code = "file_size"
    sentence = "File size exceeds the maximum allowed size of 50 MB."
    pattern = r"file size"
    to_operator = _("Save it smaller, at most 50 MB.")
    to_program = _("Make it smaller, or compress it more.")


class TooWide(PictureRefused):
    """Contract `too_wide`."""

    code = "too_wide"
    sentence = "Image width exceeds the maximum allowed width of 10000px."
    pattern = r"image width"
    to_operator = SIDES
    to_program = SCALE


class TooTall(PictureRefused):
    """Contract `too_tall`."""

    code = "too_tall"
    sentence = "Image height exceeds the maximum allowed height of 10000px."
    pattern = r"image height"
    to_operator = SIDES
    to_program = SCALE


class Truncated(PictureRefused):
    """U15: ours; a cut file is noticed before it costs a credit."""

    code = "truncated"
    sentence = "The image file is incomplete. Please upload it again."
    pattern = r"image file is incomplete"
    to_operator = _("Check that the file opens, then upload it again.")
    to_person = _("Upload the whole file again.")
    runs_again = False
    to_terminal = "Copy the whole file again."
    to_program = _("Send the whole file: its end is missing.")


class Damaged(PictureRefused):
    """U45: ours; the file begins as a picture does, and cannot be read as one."""

    code = "damaged"
    sentence = "The image file is damaged. Please open it, save it again and upload that."
    pattern = r"image file is damaged"
    to_program = _("Open the file and save it again: a part of it is broken.")


class TrailerTooLong(PictureRefused):
    """U42: ours; behind the picture's end stands more than a camera leaves there."""

    code = "trailer"
    sentence = "Too much other data follows the end of the image. Please save it again."
    pattern = r"other data follow"
    to_program = _("Save it again: more hangs behind the picture than itself.")


class Animated(PictureRefused):
    """U20: ours; RemBG is silent about animations."""

    code = "animated"
    sentence = "Animated images are not supported. Please upload a single picture."
    pattern = r"animated images"
    to_program = _("Send one frame as a picture of its own.")


class FieldRefused(Refused):
    """A parameter is the problem; `details` names it."""

    code = "field_refused"
    to_operator = _("Correct the marked field and try again.")
    group = "field"


class MaskWithColor(FieldRefused):
    """Contract `mask_bg` (P8)."""

    code = "mask_bg"
    field = "bg_color"
    sentence = "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other."
    pattern = r"mask.{0,20}together with.{0,4}bg_color|mask.*bg_color"
    to_program = _("Leave one of the two out.")


class SizeType(FieldRefused):
    """Contract `size_type` (P3)."""

    code = "size_type"
    pattern = r"'(?P<field>[wh])'? must be an integer"
    to_program = WHOLE_NUMBER


class SizeMin(FieldRefused):
    """Contract `size_min` (P1)."""

    code = "size_min"
    pattern = r"'(?P<field>[wh])'? must be at least"
    to_program = WHOLE_NUMBER


class SizeMax(FieldRefused):
    """Contract `size_max` (P2)."""

    code = "size_max"
    pattern = r"'(?P<field>[wh])'? must be at most"
    to_program = WHOLE_NUMBER


class AngleType(FieldRefused):
    """Contract `angle_type` (P4)."""

    code = "angle_type"
    field = "angle"
    pattern = r"angle'? must be a number"
    to_program = _("Send a number such as 15 or -90.5.")


class AngleRange(FieldRefused):
    """Contract `angle_range` (P4)."""

    code = "angle_range"
    field = "angle"
    pattern = r"angle'? must be between"
    to_program = _("Take whole turns off: -360 to 360.")


class BadFormat(FieldRefused):
    """Contract `format` (P6)."""

    code = "format"
    field = "format"
    pattern = r"invalid format"
    to_program = _("Ask for png, jpeg, webp or bmp.")


class BadColor(FieldRefused):
    """Contract `bg_color` (P7)."""

    code = "bg_color"
    field = "bg_color"
    pattern = r"invalid colou?r"
    to_program = _("Write #RRGGBB, or a name such as red.")


class BadFlag(FieldRefused):
    """P9: ours; neither true nor false."""

    code = "flag"
    pattern = r"'?(?P<field>\w{1,20})'? must be true or false"
    to_program = _("Send true or false.")


class RepeatedField(FieldRefused):
    """U37: ours; a field that came more than once has no one meaning."""

    code = "repeated_field"
    pattern = r"'?(?P<field>\w{1,20})'? was sent more than once"
    to_program = _("Send each field once.")


class InvalidFields(Refused):
    """F14: several fields are wrong; `details` names them."""

    code = "invalid_fields"
    sentence = "Multiple validation errors"
    pattern = r"multiple validation errors"
    title = _("Several fields are wrong")
    to_operator = _("Correct the marked fields and try again.")
    to_program = _("details names each field with its own sentence.")
    group = "field"


class AccountRefused(RembgError):
    """The key or its account is the problem; only a person can change that."""

    sent = "yes"
    charged = "no"
    code = "account_refused"
    sentence = "RemBG refused this key."
    title = _("RemBG refused this key")
    meaning = NO_CREDIT
    to_operator = SEE_ACCOUNT
    to_terminal = "Check the key, and that it belongs to the address asked."
    group = "key"


class TwoCredentials(AccountRefused):
    """Contract `two_credentials`; P13: it cannot come from us."""

    code = "two_credentials"
    sentence = "This is a mistake: Cannot use both API key and user token"
    pattern = r"both api key and user token|user token"
    http_status = 400
    title = _("RemBG saw two ways to sign in at once")
    meaning = _("Something between this site and RemBG adds a credential of its own.")
    to_operator = _("Ask whoever runs this site to look at its proxy.")
    to_program = _("Send x-api-key only.")


class BadKey(AccountRefused):
    """Contract `bad_key` (F15)."""

    code = "bad_key"
    sentence = "invalid api key"
    pattern = r"invalid api key"
    http_status = 401
    title = _("RemBG refused this key: it is not valid")
    meaning = _("It was mistyped, replaced or deleted in the RemBG account. No credit was spent.")
    to_operator = _("Copy the key from the RemBG account and replace it here.")
    to_operator_by_hand = _("Copy it again from the RemBG account, alone and whole.")
    to_program = _("Copy the key again, whole: it begins with rbk_.")


class Unverified(AccountRefused):
    """Contract `unverified` (F16)."""

    code = "unverified"
    sentence = "Email address not verified – please check your inbox"
    pattern = r"verif|e-?mail"
    http_status = 403
    title = _("RemBG refused this key: its e-mail address is not verified")
    meaning = _("RemBG serves an account only after its address is confirmed. No credit was spent.")
    to_operator = _("Check the inbox of the RemBG account, then test again.")
    to_terminal = "Confirm the e-mail address of the RemBG account."
    to_program = _("An owner confirms the e-mail address of the RemBG account.")


class Forbidden(AccountRefused):
    """A 403 that does not speak of an e-mail address: a firewall, or a closed account."""

    code = "forbidden"
    title = _("RemBG refused this key without saying why")
    meaning = _("The account may be closed, or a firewall stands in between. No credit was spent.")


class Limited(RembgError):
    """A limit is reached (429): no credit."""

    sent = "yes"
    charged = "no"
    code = "limited"
    sentence = "RemBG's limit is reached."
    http_status = 429
    pause = PAUSE
    title = _("RemBG's limit is reached")
    meaning = NO_CREDIT
    to_terminal = RUN_LATER
    group = "limit"


class BudgetSpent(Limited):
    """A gateway's own: the budget of the member, the key or the tag is used up; admins raise it."""

    code = "budget_spent"
    sentence = "The budget for this cycle is used up."
    pattern = r"budget"
    to_terminal = "Ask an owner or admin of the team to raise it."


class RateDaily(Limited):
    """Contract `rate_daily` (F18): over at 00:00 UTC."""

    code = "rate_daily"
    sentence = "You've reached your daily limit. Please sign up for more access."
    pattern = r"daily"
    pause = 0
    title = _("RemBG's daily limit is reached")
    meaning = _("It ends at midnight UTC. No credit was spent.")
    to_operator = _("We go on after midnight UTC; another account can go on now.")
    to_operator_by_hand = _("Try again after midnight UTC.")
    to_person = _("The limit ends at 00:00 UTC.")
    to_terminal = "The limit ends at 00:00 UTC; then run the same command again."
    to_program = _("Wait until 00:00 UTC; asking again before is of no use.")


class RateShort(Limited):
    """Contract `rate_short` (F17): worth a retry after `retry_after` seconds."""

    code = "rate_short"
    sentence = "You're making requests too quickly, Please Upgrade or slow down."
    retriable = True
    # A text that speaks of the month as well means the month.
    pattern = r"^(?!.*monthly).*(too quickly|slow down|too many requests)"
    title = _("RemBG asks for a pause: too many requests at once")
    to_operator = _("We wait as long as it asks, then go on.")
    to_operator_by_hand = ASK_AGAIN
    to_program = _("Wait as long as Retry-After says, then send it again.")


class RateUnknown(RateShort):
    """F20: a 429 that does not say which limit; treated as the short one, with a longer pause."""

    code = "rate_unknown"
    title = _("RemBG asks for a pause")
    meaning = _("It did not say which limit is reached. No credit was spent.")
    to_operator = _("We wait a little, then go on.")


class RateMonthly(Limited):
    """Contract `rate_monthly` (F19): over when the cycle ends or credits are bought."""

    code = "rate_monthly"
    sentence = "You've reached your monthly limit. Consider purchasing more credits."
    pattern = r"monthly|credits"
    pause = 0
    title = _("The account's credits are used up")
    meaning = _(
        "Nothing can be sent until the cycle renews or credits are bought. No credit was spent."
    )
    to_operator = _("Buy credits in the RemBG account, or use another account.")
    to_person = _("The limit ends with the account's renewal, or once credits were bought.")
    to_terminal = "Wait for the account's renewal or buy credits; then run it again."
    to_program = _("An owner buys credits, or wait for the renewal.")
