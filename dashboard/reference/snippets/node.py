"""A call for Node: rembg.js where it can ask for it, Node's own fetch where it cannot."""

import json
import re

from dashboard.reference.snippets.call import ApiCall, SnippetPicture

THEIR_HOST = "https://api.rembg.com"
THEIR_FORMATS = ("", "webp", "png")  # Any other one rembg.js drops without a word.
NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]+)?", re.ASCII)
OPTIONS = {"mask": "returnMask"}  # Where rembg.js has another word than the wire.

REMBG = """\
import {{ copyFile }} from "node:fs/promises";
import {{ createRequire }} from "node:module";
import {{ rembg }} from "@remove-background-ai/rembg.js";

// rembg.js has its host written in: its axios is told another one here.
const here = createRequire(import.meta.url);
const theirs = createRequire(here.resolve("@remove-background-ai/rembg.js"));
const axios = theirs("axios");
axios.interceptors.request.use((config) => {{
  config.url = config.url.replace(
    {theirs},
    {ours},
  );
{headers}  return config;
}});

const {{ outputImagePath, cleanup }} = await rembg({{
  apiKey: process.env.API_KEY,
  inputImage: {path},
{options}  onUploadProgress: ({{ progress }}) => console.log("up", progress),
  onDownloadProgress: ({{ progress }}) => console.log("down", progress),
}});
await copyFile(outputImagePath, {output});
cleanup();
"""
FETCH = """\
import {{ readFile, writeFile }} from "node:fs/promises";

// rembg.js asks for webp and png only; Node's own fetch asks for the rest.
const form = new FormData();
form.set("image", new Blob([await readFile({path})]), {name});
{fields}
const response = await fetch({url}, {{
  method: "POST",
  headers: {headers},
  body: form,
}});
if (!response.ok) throw new Error((await response.json()).error);
await writeFile({output}, Buffer.from(await response.arrayBuffer()));
"""
QUESTION = """\
const response = await fetch({url}{options});
console.log(response.status, await response.json());
"""


def node(call: ApiCall) -> str:
    """Write the call as a module (`.mjs`) for Node 18.17 or newer."""
    if not call.picture:
        options = f", {{ headers: {_headers(call)} }}" if call.takes_key or call.headers else ""
        return QUESTION.format(url=_text(call.url), options=options)
    if dict(call.pairs).get("format", "").lower() in THEIR_FORMATS:
        return _rembg(call, call.picture)
    return FETCH.format(
        path=_text(call.picture.name),
        name=_text(call.picture.name.removeprefix("./")),
        fields="".join(f"form.set({_text(n)}, {_text(v)});\n" for n, v in call.pairs),
        url=_text(call.url),
        headers=_headers(call),
        output=_text(call.output),
    )


def _rembg(call: ApiCall, picture: SnippetPicture) -> str:
    given = [f"    {OPTIONS.get(name, name)}: {_value(value)},\n" for name, value in call.pairs]
    options = "  options: {\n" + "".join(given) + "  },\n" if given else ""
    headers = [f"  config.headers[{_text(n)}] = {_text(v)};\n" for n, v in call.headers]
    return REMBG.format(
        theirs=_text(THEIR_HOST),
        ours=_text(call.base),
        headers="".join(headers),
        path=_text(picture.name),
        options=options,
        output=_text(call.output),
    )


def _headers(call: ApiCall) -> str:
    parts = ['"x-api-key": process.env.API_KEY'] if call.takes_key else []
    parts += [f"{_text(name)}: {_text(value)}" for name, value in call.headers]
    return "{ " + ", ".join(parts) + " }"


def _value(value: str) -> str:
    """Return a number or a boolean as such, and anything else as text."""
    return value if value in ("true", "false") or NUMBER.fullmatch(value) else _text(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
