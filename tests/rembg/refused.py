"""What is refused before it costs a credit, for every place that takes pictures and parameters.

`test_pictures.py` and `test_parameters.py` try each kind of these at its root; the form, the
gateway, the sandbox and the command line show with one of each that they refuse it, in its words.
"""

from tests.rembg import samples
from tests.rembg.test_recognition import TABLE

SENTENCES = {code: sentence for code, _status, sentence in TABLE}
SIGNATURE = SENTENCES["signature"]
DAMAGED = "The image file is damaged. Please open it, save it again and upload that."
ANIMATED = "Animated images are not supported. Please upload a single picture."
INCOMPLETE = "The image file is incomplete. Please upload it again."
TRAILER = (
    "2.0 MB of other data follow the end of the image; at most 1 MB, or as much as the image "
    "itself, is accepted. Please save it again."
)
# Content, file name, code and sentence.
PICTURES = {
    "U3-empty": (b"", "a.png", "empty_file", SENTENCES["empty_file"]),
    "U4-png-signature": (b"\x89PNG\r\n\x1a\n", "a.png", "signature", SIGNATURE),
    "U5-exe": (b"MZ" + bytes(200), "a.exe", "file_type", SENTENCES["file_type"]),
    "U8-svg": (b"<svg><script>1</script></svg>", "x.png", "signature", SIGNATURE),
    "U9-gif": (b"GIF89a" + bytes(100), "x.png", "signature", SIGNATURE),
    "U12-wide": (samples.header_png(12000, 10), "a.png", "too_wide", SENTENCES["too_wide"]),
    "U12-tall": (samples.header_png(10, 15000), "a.png", "too_tall", SENTENCES["too_tall"]),
    "U13-nothing": (samples.header_png(0, 20), "a.png", "damaged", DAMAGED),
    "U15-cut": (samples.saved("jpeg")[:-400], "a.jpg", "truncated", INCOMPLETE),
    "U20-animated": (samples.animation("webp"), "a.webp", "animated", ANIMATED),
    "U42-trailer": (samples.saved("png") + bytes(2 << 20), "a.png", "trailer", TRAILER),
    "U45-damaged": (b"\xff\xd8\xff\xc8" + bytes(40), "a.jpg", "damaged", DAMAGED),
}
# By the code of their refusal: fields that are wrong by themselves, the wrong one first.
FIELDS = {
    "size_type": {"w": "abc"},
    "size_min": {"w": "-5"},
    "size_max": {"w": "15000"},
    "angle_type": {"angle": "ninety"},
    "angle_range": {"angle": "500"},
    "format": {"format": "gif"},
    "bg_color": {"bg_color": "#12345"},
    "mask_bg": {"bg_color": "red", "mask": "true"},
}


def problem(code: str) -> dict[str, str]:
    """Return what is said of the field that is wrong."""
    return {"field": next(iter(FIELDS[code])), "message": SENTENCES[code]}
