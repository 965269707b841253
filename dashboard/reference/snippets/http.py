"""A call as it goes over the wire."""

from urllib.parse import urlsplit

from dashboard.reference.snippets.call import ApiCall, SnippetPicture

BOUNDARY = "----BOUNDARY"
BINARY = "<the bytes of {name}>"
LENGTH = "<length of the body in bytes>"
KEY = "YOUR_API_KEY_HERE"


def http(call: ApiCall) -> str:
    """Write the message; lines end with CRLF on the wire."""
    head = [f"{call.method} {call.target} HTTP/1.1", f"Host: {urlsplit(call.base).netloc}"]
    head += [f"x-api-key: {KEY}"] if call.takes_key else []
    head += [f"{name}: {value}" for name, value in call.headers]
    if not call.picture:
        return "\n".join([*head, "Accept: application/json", "Connection: close", "", ""])
    before, after = _parts(call, call.picture)
    head += [
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
        f"Content-Length: {_length(before, after, call.picture)}",
        "Connection: close",
    ]
    binary = BINARY.format(name=call.picture.name)
    return "\n".join([*head, "", *before, binary, *after, ""])


def _parts(call: ApiCall, picture: SnippetPicture) -> tuple[list[str], list[str]]:
    """Return the body's lines before and after the picture's bytes."""
    name = picture.name.replace('"', "%22")
    before = [
        f"--{BOUNDARY}",
        f'Content-Disposition: form-data; name="image"; filename="{name}"',
        f"Content-Type: {picture.content_type}",
        "",
    ]
    after = []
    for field, value in call.pairs:
        after += [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{field}"', "", value]
    return before, [*after, f"--{BOUNDARY}--"]


def _length(before: list[str], after: list[str], picture: SnippetPicture) -> str:
    """Return the body's length in bytes, where that of the picture is known."""
    if picture.size is None:
        return LENGTH
    lines = sum(len(line.encode()) + len("\r\n") for line in [*before, *after])
    return str(lines + picture.size + len("\r\n"))
