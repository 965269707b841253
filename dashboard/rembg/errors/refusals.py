"""What RemBG, or our copy of its rules, says no to."""

from __future__ import annotations

from dashboard.rembg.errors.base import RembgError


class Refused(RembgError):
    """The request is wrong (400): no credit, and asking again changes nothing."""

    sent = "yes"
    charged = "no"
    code = "refused"
    sentence = "RemBG refused this request."


class UnknownRefusal(Refused):
    """F13: a refusal whose text is not in the contract's table."""

    code = "unknown_refusal"


class InvalidFields(Refused):
    """F14: several fields are wrong; `details` names them."""

    code = "invalid_fields"
    sentence = "Multiple validation errors"


class PictureRefused(Refused):
    """The picture is the problem."""

    code = "picture_refused"
    field = "image"


class NoImage(PictureRefused):
    """Contract `no_image`."""

    code = "no_image"
    sentence = "No image file provided. Please include an 'image' field in your form data."


class NoFile(PictureRefused):
    """Contract `no_file`."""

    code = "no_file"
    sentence = "No file selected. Please choose an image file to upload."


class FileType(PictureRefused):
    """Contract `file_type`."""

    code = "file_type"
    sentence = "This file type is not supported. Allowed formats: webp, bmp, png, jpg, jpeg"


class BadSignature(PictureRefused):
    """Contract `signature`."""

    code = "signature"
    sentence = "File does not appear to be a valid image (invalid file signature)"


class EmptyFile(PictureRefused):
    """Contract `empty_file`."""

    code = "empty_file"
    sentence = "Uploaded file is empty (0 bytes)."


class FileTooLarge(PictureRefused):
    """Contract `file_size`."""

    code = "file_size"
    sentence = "File size exceeds the maximum allowed size of 50 MB."


class TooWide(PictureRefused):
    """Contract `too_wide`."""

    code = "too_wide"
    sentence = "Image width exceeds the maximum allowed width of 10000px."


class TooTall(PictureRefused):
    """Contract `too_tall`."""

    code = "too_tall"
    sentence = "Image height exceeds the maximum allowed height of 10000px."


class Truncated(PictureRefused):
    """U15: ours; a cut file is noticed before it costs a credit."""

    code = "truncated"
    sentence = "The image file is incomplete. Please upload it again."


class Damaged(PictureRefused):
    """U45: ours; the file begins as a picture does, and cannot be read as one."""

    code = "damaged"
    sentence = "The image file is damaged. Please open it, save it again and upload that."


class TrailerTooLong(PictureRefused):
    """U42: ours; behind the picture's end stands more than a camera leaves there."""

    code = "trailer"
    sentence = "Too much other data follows the end of the image. Please save it again."


class Animated(PictureRefused):
    """U20: ours; RemBG is silent about animations."""

    code = "animated"
    sentence = "Animated images are not supported. Please upload a single picture."


class FieldRefused(Refused):
    """A parameter is the problem; `details` names it."""

    code = "field_refused"


class SizeType(FieldRefused):
    """Contract `size_type` (P3)."""

    code = "size_type"


class SizeMin(FieldRefused):
    """Contract `size_min` (P1)."""

    code = "size_min"


class SizeMax(FieldRefused):
    """Contract `size_max` (P2)."""

    code = "size_max"


class AngleType(FieldRefused):
    """Contract `angle_type` (P4)."""

    code = "angle_type"
    field = "angle"


class AngleRange(FieldRefused):
    """Contract `angle_range` (P4)."""

    code = "angle_range"
    field = "angle"


class BadFormat(FieldRefused):
    """Contract `format` (P6)."""

    code = "format"
    field = "format"


class BadColor(FieldRefused):
    """Contract `bg_color` (P7)."""

    code = "bg_color"
    field = "bg_color"


class MaskWithColor(FieldRefused):
    """Contract `mask_bg` (P8)."""

    code = "mask_bg"
    field = "bg_color"
    sentence = "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other."


class BadFlag(FieldRefused):
    """P9: ours; neither true nor false."""

    code = "flag"


class RepeatedField(FieldRefused):
    """U37: ours; a field that came more than once has no one meaning."""

    code = "repeated_field"


class AccountRefused(RembgError):
    """The key or its account is the problem; only a person can change that."""

    sent = "yes"
    charged = "no"
    code = "account_refused"
    sentence = "RemBG refused this key."


class TwoCredentials(AccountRefused):
    """Contract `two_credentials`; P13: it cannot come from us."""

    code = "two_credentials"
    sentence = "This is a mistake: Cannot use both API key and user token"


class BadKey(AccountRefused):
    """Contract `bad_key` (F15)."""

    code = "bad_key"
    sentence = "invalid api key"


class Unverified(AccountRefused):
    """Contract `unverified` (F16)."""

    code = "unverified"
    sentence = "Email address not verified – please check your inbox"


class Forbidden(AccountRefused):
    """A 403 that does not speak of an e-mail address: a firewall, or a closed account."""

    code = "forbidden"


class Limited(RembgError):
    """A limit is reached (429): no credit."""

    sent = "yes"
    charged = "no"
    code = "limited"
    sentence = "RemBG's limit is reached."


class RateShort(Limited):
    """Contract `rate_short` (F17): worth a retry after `retry_after` seconds."""

    code = "rate_short"
    sentence = "You're making requests too quickly, Please Upgrade or slow down."
    retriable = True


class RateUnknown(RateShort):
    """F20: a 429 that does not say which limit; treated as the short one, with a longer pause."""

    code = "rate_unknown"


class RateDaily(Limited):
    """Contract `rate_daily` (F18): over at 00:00 UTC."""

    code = "rate_daily"
    sentence = "You've reached your daily limit. Please sign up for more access."


class RateMonthly(Limited):
    """Contract `rate_monthly` (F19): over when the cycle ends or credits are bought."""

    code = "rate_monthly"
    sentence = "You've reached your monthly limit. Consider purchasing more credits."


class BudgetSpent(Limited):
    """A gateway's own: the budget of the member, the key or the tag is used up; admins raise it."""

    code = "budget_spent"
    sentence = "The budget for this cycle is used up."
