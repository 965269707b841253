"""A call as a command line."""

import re
import shlex

from dashboard.reference.snippets.call import ApiCall, SnippetPicture

PLAIN = re.compile(r"[\w#.,:/ +-]*", re.ASCII)


def curl(call: ApiCall) -> str:
    """Write the call for curl 7.76 or newer; an error's words are kept and its exit code is 22."""
    lines = [f"curl {shlex.quote(call.url)}"]
    lines += ['-H "x-api-key: $API_KEY"'] if call.takes_key else []
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in call.headers]
    if call.picture:
        lines.append(f"-F {shlex.quote(f'image=@{_path(call.picture)}')}")
        lines += [_field(name, value) for name, value in call.pairs]
        lines.append(f"--fail-with-body -o {call.output}")
    return " \\\n  ".join(lines) + "\n"


def _path(picture: SnippetPicture) -> str:
    """Return the file as curl reads it: a comma or a semicolon would end its name."""
    if not re.search(r'[,;"\\]', picture.name):
        return picture.name
    escaped = picture.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _field(name: str, value: str) -> str:
    """Return a text field; in `-F` some beginnings and signs have a meaning of their own."""
    flag = "-F" if PLAIN.fullmatch(value) else "--form-string"
    return f"{flag} {shlex.quote(f'{name}={value}')}"
