"""What can go wrong with RemBG, as a small tree with three questions on every leaf.

RembgError
├── NotSent              nothing of the request's body left this machine
│   ├── Unreachable (F1), ConnectTimeout (F2), TlsFailed (F3), BreakerOpen (F28)
│   └── MalformedKey
├── Refused              the request is wrong; asking again changes nothing
│   ├── PictureRefused   NoImage, NoFile, FileType, BadSignature, EmptyFile, FileTooLarge, TooWide,
│   │                    TooTall, Truncated, Animated
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

Mapped without a leaf: F12 and F27 are notices on a success, F21 is `retry_after`, F25 is the leaf
of the early answer (F15, F17 …), F26 is what `dashboard.rembg.wording` does to every text.
"""

from dashboard.rembg.errors.base import (
    Fact,
    FieldProblem,
    RembgError,
)
from dashboard.rembg.errors.failures import (
    AnswerTimeout,
    AnswerTooLarge,
    BadAnswer,
    BreakerOpen,
    ConnectTimeout,
    CutPicture,
    DeadlinePassed,
    MalformedKey,
    NoAnswer,
    NotHttp,
    NotSent,
    NotStored,
    OutcomeUnknown,
    Redirected,
    ShortAnswer,
    SourceChanged,
    TlsFailed,
    Unreachable,
    UploadCut,
    UpstreamError,
    WrongAnswer,
)
from dashboard.rembg.errors.refusals import (
    AccountRefused,
    AngleRange,
    AngleType,
    Animated,
    BadColor,
    BadFlag,
    BadFormat,
    BadKey,
    BadSignature,
    BudgetSpent,
    EmptyFile,
    FieldRefused,
    FileTooLarge,
    FileType,
    Forbidden,
    InvalidFields,
    Limited,
    MaskWithColor,
    NoFile,
    NoImage,
    PictureRefused,
    RateDaily,
    RateMonthly,
    RateShort,
    RateUnknown,
    Refused,
    RepeatedField,
    SizeMax,
    SizeMin,
    SizeType,
    TooTall,
    TooWide,
    Truncated,
    TwoCredentials,
    UnknownRefusal,
    Unverified,
)

__all__ = [
    "AccountRefused",
    "AngleRange",
    "AngleType",
    "Animated",
    "AnswerTimeout",
    "AnswerTooLarge",
    "BadAnswer",
    "BadColor",
    "BadFlag",
    "BadFormat",
    "BadKey",
    "BadSignature",
    "BreakerOpen",
    "BudgetSpent",
    "ConnectTimeout",
    "CutPicture",
    "DeadlinePassed",
    "EmptyFile",
    "Fact",
    "FieldProblem",
    "FieldRefused",
    "FileTooLarge",
    "FileType",
    "Forbidden",
    "InvalidFields",
    "Limited",
    "MalformedKey",
    "MaskWithColor",
    "NoAnswer",
    "NoFile",
    "NoImage",
    "NotHttp",
    "NotSent",
    "NotStored",
    "OutcomeUnknown",
    "PictureRefused",
    "RateDaily",
    "RateMonthly",
    "RateShort",
    "RateUnknown",
    "Redirected",
    "Refused",
    "RembgError",
    "RepeatedField",
    "ShortAnswer",
    "SizeMax",
    "SizeMin",
    "SizeType",
    "SourceChanged",
    "TlsFailed",
    "TooTall",
    "TooWide",
    "Truncated",
    "TwoCredentials",
    "UnknownRefusal",
    "Unreachable",
    "Unverified",
    "UploadCut",
    "UpstreamError",
    "WrongAnswer",
]
