"""What can go wrong with RemBG, as a small tree.

A leaf is the one place that knows its error: code and status, how it is recognised in an answer,
the field it is about, its sentence, whether it was sent and charged, and what a person, a program
and an operator can do. `base.RembgError` lists it all; pages, gateway and command line ask.

RembgError
├── NotSent              nothing of the request's body left this machine
│   ├── Unreachable (F1), ConnectTimeout (F2), TlsFailed (F3), BreakerOpen (F28)
│   └── MalformedKey
├── Refused              the request is wrong; asking again changes nothing
│   ├── PictureRefused   NoImage, NoFile, FileType, BadSignature, EmptyFile, FileTooLarge, TooWide,
│   │                    TooTall, Truncated, Damaged, TrailerTooLong, Animated
│   ├── FieldRefused     SizeType, SizeMin, SizeMax, AngleType, AngleRange, BadFormat, BadColor,
│   │                    MaskWithColor, BadFlag, RepeatedField
│   └── InvalidFields (F14), UnknownRefusal (F13)
├── AccountRefused       TwoCredentials, BadKey (F15), Unverified (F16), Forbidden
├── Limited              RateShort (F17) ── RateUnknown (F20), RateDaily (F18), RateMonthly (F19),
│                        BudgetSpent
├── OutcomeUnknown       it left, and nobody can tell what became of it
│   └── UploadCut (F4), NoAnswer (F5), AnswerTimeout (F6), ShortAnswer (F7), DeadlinePassed (F9),
│       SourceChanged
├── BadAnswer            an answer came, and it is not one of RemBG's
│   └── CutPicture (F8), WrongAnswer (F10), AnswerTooLarge (F11), UpstreamError (F22),
│       Redirected (F23), NotHttp (F24)
└── NotStored            the picture came, and could not be written down here

`removals.errors`, `removals.picture_form` and `gateway.refusals` add leaves of their own.

Mapped without a leaf: F12 and F27 are notices on a success, F21 is `retry_after`, F25 is the leaf
of the early answer (F15, F17 …), F26 is what `dashboard.rembg.wording` does to every text.
"""

# The names of a module in one block, each exported.
# ruff: noqa: I001

from dashboard.rembg.errors.base import (
    ASK_AGAIN as ASK_AGAIN,
    LOOK_AT_REMOVALS as LOOK_AT_REMOVALS,
    LOOK_AT_USAGE as LOOK_AT_USAGE,
    Fact as Fact,
    FieldProblem as FieldProblem,
    RembgError as RembgError,
    gettext_noop as gettext_noop,
    named as named,
)
from dashboard.rembg.errors.failures import (
    AnswerTimeout as AnswerTimeout,
    AnswerTooLarge as AnswerTooLarge,
    BadAnswer as BadAnswer,
    BreakerOpen as BreakerOpen,
    ConnectTimeout as ConnectTimeout,
    CutPicture as CutPicture,
    DeadlinePassed as DeadlinePassed,
    MalformedKey as MalformedKey,
    NoAnswer as NoAnswer,
    NotHttp as NotHttp,
    NotSent as NotSent,
    NotStored as NotStored,
    OutcomeUnknown as OutcomeUnknown,
    Redirected as Redirected,
    ShortAnswer as ShortAnswer,
    SourceChanged as SourceChanged,
    TlsFailed as TlsFailed,
    Unreachable as Unreachable,
    UploadCut as UploadCut,
    UpstreamError as UpstreamError,
    WrongAnswer as WrongAnswer,
)
from dashboard.rembg.errors.refusals import (
    AccountRefused as AccountRefused,
    AngleRange as AngleRange,
    AngleType as AngleType,
    Animated as Animated,
    BadColor as BadColor,
    BadFlag as BadFlag,
    BadFormat as BadFormat,
    BadKey as BadKey,
    BadSignature as BadSignature,
    BudgetSpent as BudgetSpent,
    Damaged as Damaged,
    EmptyFile as EmptyFile,
    FieldRefused as FieldRefused,
    FileTooLarge as FileTooLarge,
    FileType as FileType,
    Forbidden as Forbidden,
    InvalidFields as InvalidFields,
    Limited as Limited,
    MaskWithColor as MaskWithColor,
    NoFile as NoFile,
    NoImage as NoImage,
    PictureRefused as PictureRefused,
    RateDaily as RateDaily,
    RateMonthly as RateMonthly,
    RateShort as RateShort,
    RateUnknown as RateUnknown,
    Refused as Refused,
    RepeatedField as RepeatedField,
    SizeMax as SizeMax,
    SizeMin as SizeMin,
    SizeType as SizeType,
    TooTall as TooTall,
    TooWide as TooWide,
    TrailerTooLong as TrailerTooLong,
    Truncated as Truncated,
    TwoCredentials as TwoCredentials,
    UnknownRefusal as UnknownRefusal,
    Unverified as Unverified,
)
