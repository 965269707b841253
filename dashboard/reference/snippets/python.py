"""A call for Python's requests."""

import json

from dashboard.reference.snippets.call import ApiCall, SnippetPicture

UPLOAD = """\
import os

import requests

with open({path}, "rb") as image:
    response = requests.post(
        {url},
        headers={headers},
        files={{"image": image}},
{data}        timeout=120,
    )
print(response.status_code, "credits charged:", response.headers.get("X-Credits-Charged"))
if response.ok:
    with open({output}, "wb") as output:
        output.write(response.content)
else:
    print(response.json()["error"])
"""
QUESTION = """\
{imports}import requests

response = requests.get(
    {url},
{arguments}    timeout=30,
)
print(response.status_code, response.json())
"""


def python(call: ApiCall) -> str:
    """Write the call for requests."""
    if call.picture:
        return _upload(call, call.picture)
    arguments = f"    headers={_headers(call)},\n" if call.takes_key or call.headers else ""
    if call.pairs:
        arguments += f"    params={_table(call.pairs, indent=4)},\n"
    imports = "import os\n\n" if call.takes_key else ""
    return QUESTION.format(imports=imports, url=_text(call.base + call.path), arguments=arguments)


def _upload(call: ApiCall, picture: SnippetPicture) -> str:
    data = f"        data={_table(call.pairs, indent=8)},\n" if call.pairs else ""
    return UPLOAD.format(
        path=_text(picture.name),
        url=_text(call.url),
        headers=_headers(call),
        data=data,
        output=_text(call.output),
    )


def _headers(call: ApiCall) -> str:
    parts = ['"x-api-key": os.environ["API_KEY"]'] if call.takes_key else []
    parts += [f"{_text(name)}: {_text(value)}" for name, value in call.headers]
    return "{" + ", ".join(parts) + "}"


def _table(pairs: tuple[tuple[str, str], ...], *, indent: int) -> str:
    """Return a dict, one entry a line."""
    margin = " " * indent
    lines = [f"{margin}    {_text(name)}: {_text(value)},\n" for name, value in pairs]
    return "{\n" + "".join(lines) + margin + "}"


def _text(value: str) -> str:
    """Return a string literal; what JSON escapes, Python reads the same way."""
    return json.dumps(value, ensure_ascii=False)
