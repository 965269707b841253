"""A call for PHP's curl."""

from dashboard.reference.snippets.call import ApiCall, SnippetPicture

UPLOAD = """\
<?php
$request = curl_init({url});
curl_setopt_array($request, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 120,
    CURLOPT_HTTPHEADER => [{headers}],
    CURLOPT_POSTFIELDS => [
        'image' => new CURLFile({path}),
{fields}    ],
]);
$answer = curl_exec($request);
if ($answer === false) {{
    exit(curl_error($request) . PHP_EOL);
}}
$status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
if ($status === 200) {{
    file_put_contents({output}, $answer);
}} else {{
    echo $status, ' ', json_decode($answer)->error, PHP_EOL;
}}
"""
QUESTION = """\
<?php
$request = curl_init({url});
curl_setopt_array($request, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 30,
    CURLOPT_HTTPHEADER => [{headers}],
]);
$answer = curl_exec($request);
if ($answer === false) {{
    exit(curl_error($request) . PHP_EOL);
}}
echo curl_getinfo($request, CURLINFO_RESPONSE_CODE), ' ', $answer, PHP_EOL;
"""


def php(call: ApiCall) -> str:
    """Write the call for PHP 8 with its curl extension."""
    if not call.picture:
        return QUESTION.format(url=_text(call.url), headers=_headers(call))
    return _upload(call, call.picture)


def _upload(call: ApiCall, picture: SnippetPicture) -> str:
    fields = [f"        {_text(name)} => {_text(value)},\n" for name, value in call.pairs]
    return UPLOAD.format(
        url=_text(call.url),
        headers=_headers(call),
        path=_text(picture.name),
        fields="".join(fields),
        output=_text(call.output),
    )


def _headers(call: ApiCall) -> str:
    parts = ["'x-api-key: ' . getenv('API_KEY')"] if call.takes_key else []
    parts += [_text(f"{name}: {value}") for name, value in call.headers]
    return ", ".join(parts)


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
