"""The examples of RemBG's own documents, as printed there, but for host, key and picture."""

import io
import json
import re
import shutil
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image

from dashboard.rembg.usage import Month
from dashboard.usage.polling import ask
from tests.removals.conftest import subject

KEY, PATH = "YOUR_API_KEY_HERE", "/path/to/image.jpg"
SECONDS = 120

# One line there, with a comment behind each option; the line breaks are lost in print.
CURL = (
    "# Full example: upload an image and remove its background with all optional parameters "
    'curl -X POST "https://api.rembg.com/rmbg" -H "x-api-key: YOUR_API_KEY_HERE" '
    '# your personal API key -F "image=@/path/to/image.jpg" # input image file -F "format=webp" '
    '# output format: webp (default) or png -F "w=800" # target width in pixels (maintains aspect '
    'ratio unless exact_resize=true) -F "h=600" # target height in pixels -F "exact_resize=false" '
    '# true = force exact w × h, may distort -F "mask=false" # true = return only the alpha mask '
    'instead of full image -F "bg_color=#ffffffff" # optional solid background color (RGBA hex) '
    '-F "angle=0" # rotate the image by given degrees after processing -F "expand=true" '
    "# add padding so rotated images don’t get cropped"
)
# The empty lines that end headers are lost in print.
HTTP = """\
POST /rmbg HTTP/1.1
Host: api.rembg.com
x-api-key: YOUR_API_KEY_HERE
Content-Type: multipart/form-data; boundary=----BOUNDARY

------BOUNDARY
Content-Disposition: form-data; name="image"; filename="image.jpg"
Content-Type: image/jpeg

<binary data of your image goes here>
------BOUNDARY
Content-Disposition: form-data; name="format"

webp
------BOUNDARY
Content-Disposition: form-data; name="w"

800
------BOUNDARY
Content-Disposition: form-data; name="h"

600
------BOUNDARY
Content-Disposition: form-data; name="exact_resize"

false
------BOUNDARY
Content-Disposition: form-data; name="mask"

false
------BOUNDARY
Content-Disposition: form-data; name="bg_color"

#ffffffff
------BOUNDARY
Content-Disposition: form-data; name="angle"

0
------BOUNDARY
Content-Disposition: form-data; name="expand"

true
------BOUNDARY--
"""
REQUESTS = """\
import requests
# Endpoint URL for the background-removal API
url = "https://api.rembg.com/rmbg"
# Required API key header
headers = {
    "x-api-key": "YOUR_API_KEY_HERE"
}
# The image file to process (opened in binary mode)
files = {
    "image": open("/path/to/image.jpg", "rb")
}
# Optional form fields supported by your backend.
# Adjust values as needed; any of these can be omitted.
data = {
    "format": "webp", # Output format: "webp" (default) or "png"
    "w": 800, # Target width (maintains aspect ratio unless exact_resize is true)
    "h": 600, # Target height
    "exact_resize": "false", # "true" forces exact w×h, may distort
    "mask": "false", # "true" returns only the alpha mask
    "bg_color": "#ffffffff", # Optional solid background color (RGBA hex)
    "angle": 0, # Rotation angle in degrees
    "expand": "true", # Add padding so rotated images aren’t cropped
}
# Send the POST request with headers, file, and extra form data
response = requests.post(url, headers=headers, files=files, data=data)
# Handle the response
if response.status_code == 200:
    # Save the processed image to disk
    with open("output.webp", "wb") as f:
        f.write(response.content)
    print("Background removed successfully → saved as output.webp")
else:
    # Print error details if the request failed
    print("Error:", response.status_code, response.text)
"""
USAGE = "curl --location 'https://www.rembg.com/api/membership-usage{}' \\\n"
USAGE += "--header 'x-api-key: YOUR_API_KEY_HERE'"
COUNTERS = {"membership", "credits", "prepaidCredits", "app_usage", "api_usage"}
CYCLE = {"periodStartUnix", "periodEndUnix", "appUsage", "apiUsage"}
BLOCK = CYCLE | {
    "includedCredits",
    "prepaidCredits",
    "usedIncludedCredits",
    "remainingIncludedCredits",
    "stripeBillingSynced",
}


@pytest.fixture
def photo(tmp_path) -> Path:
    """A photograph larger than what the examples ask for."""
    path = tmp_path / "image.jpg"
    path.write_bytes(subject("JPEG", (1000, 750)))
    return path


def here(text: str, gateway, secret: str, photo: Path | None = None) -> str:
    """Change host and key, and the picture's path."""
    for host in ("https://api.rembg.com", "https://www.rembg.com"):
        text = text.replace(host, gateway.url)
    return text.replace(KEY, secret).replace(PATH, str(photo))


def shell(command: str, folder: Path) -> bytes:
    if shutil.which("curl") is None:
        pytest.skip("There is no curl on this machine.")
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, timeout=SECONDS, check=True
    )
    return done.stdout


def check(content: bytes) -> None:
    """Look for what all three examples ask for: WebP, within 800 x 600, on white."""
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (800, 600))
        corner = picture.convert("RGBA").getpixel((0, 0))
    assert min(corner) > 250


def test_the_curl_example(gateway, sandbox, secret, photo, tmp_path):
    command = re.sub(r"# .*?(?=curl -X|-[FH] \"|$)", "", CURL)

    content = shell(here(command, gateway, secret, photo), tmp_path)

    check(content)
    assert len(sandbox.ledger("sandbox-premium")) == 1


def raw(gateway, secret: str, photo: Path, *, length: bool) -> bytes:
    """Send the HTTP example; return all that comes back."""
    text = HTTP.replace(KEY, secret).replace(
        "Host: api.rembg.com", f"Host: 127.0.0.1:{gateway.port}"
    )
    message = text.replace("\n", "\r\n").encode()
    message = message.replace(b"<binary data of your image goes here>", photo.read_bytes())
    head, _, body = message.partition(b"\r\n\r\n")
    if length:
        head += b"\r\nContent-Length: %d" % len(body)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=SECONDS) as link:
        link.sendall(head + b"\r\nConnection: close\r\n\r\n")
        link.sendall(body if length else b"")
        return b"".join(iter(lambda: link.recv(65536), b""))


def test_the_http_example(gateway, sandbox, secret, photo):
    answer = raw(gateway, secret, photo, length=True)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-type: image/webp" in head.lower()
    check(body)
    assert len(sandbox.ledger("sandbox-premium")) == 1


def test_the_http_example_without_the_length_that_http_wants_is_told_so(gateway, secret, photo):
    """It prints no Content-Length; without one a request has no body (RFC 9112, 6.3)."""
    head, _, body = raw(gateway, secret, photo, length=False).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 4")
    assert json.loads(body)["error"]


def test_the_requests_example(gateway, sandbox, secret, photo, tmp_path):
    script = tmp_path / "example.py"
    script.write_text(here(REQUESTS, gateway, secret, photo))

    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS
    )

    assert done.stdout == "Background removed successfully → saved as output.webp\n", done
    check((tmp_path / "output.webp").read_bytes())
    assert len(sandbox.ledger("sandbox-premium")) == 1


@pytest.fixture
def read_account(account, key, stopped):
    """The account as the poller has read it, with the month of the example and the running one."""
    ask.read_cycles(account, at=stopped)
    for month in (Month(2026, 3), *running_months(stopped)):
        ask.read_month(account, month, at=stopped)
    ask.poll(account, at=stopped)
    return account


def running_months(at: datetime) -> set[Month]:
    """Return this month, and the next one where it begins while a test runs."""
    return {Month(one.year, one.month) for one in (at, at + timedelta(minutes=10))}


def usage(query: str, gateway, secret: str, folder: Path) -> dict:
    return json.loads(shell(here(USAGE.format(query), gateway, secret), folder))


def test_the_example_that_lists_cycles(gateway, read_account, sandbox, secret, tmp_path):
    document = usage("?listBillingCycles=1", gateway, secret, tmp_path)

    theirs = sandbox.get("/api/membership-usage", "sandbox-premium", listBillingCycles=1)
    assert set(document) == {"billingCycles"}
    assert all(set(cycle) == CYCLE for cycle in document["billingCycles"])
    assert document["billingCycles"] == theirs["billingCycles"]


def test_the_example_of_a_month(gateway, read_account, sandbox, secret, tmp_path):
    document = usage("?year=2026&month=3", gateway, secret, tmp_path)

    theirs = sandbox.get("/api/membership-usage", "sandbox-premium", year=2026, month=3)
    assert {name: document[name] for name in COUNTERS} == theirs


@pytest.mark.parametrize("query", ["?expand=billing_cycle", "?includeBillingCycle=1"])
def test_the_example_of_the_running_cycle(gateway, read_account, sandbox, secret, tmp_path, query):
    document = usage(query, gateway, secret, tmp_path)

    theirs = sandbox.get("/api/membership-usage", "sandbox-premium", expand="billing_cycle")
    assert document["billingCycle"] == theirs["billingCycle"]
    assert set(document["billingCycle"]) == BLOCK
    assert set(theirs) <= set(document)


def test_the_example_of_a_cycle_that_the_account_never_had(gateway, read_account, secret, tmp_path):
    document = usage("?periodStartUnix=1774268612&expand=billing_cycle", gateway, secret, tmp_path)

    assert set(document["billingCycle"]) == BLOCK
    assert document["billingCycle"]["periodStartUnix"] == 1774268612
    assert document["billingCycle"]["usedIncludedCredits"] is None


def test_the_example_of_a_past_cycle(gateway, read_account, sandbox, secret, tmp_path):
    (_, last, *_) = usage("?listBillingCycles=1", gateway, secret, tmp_path)["billingCycles"]
    query = f"?periodStartUnix={last['periodStartUnix']}&expand=billing_cycle"

    document = usage(query, gateway, secret, tmp_path)

    assert {name: document["billingCycle"][name] for name in CYCLE} == last
    assert (document["app_usage"], document["api_usage"]) == (last["appUsage"], last["apiUsage"])


def test_without_a_query_it_is_this_month(
    gateway, read_account, sandbox, stopped, secret, tmp_path
):
    document = usage("", gateway, secret, tmp_path)

    theirs = [
        sandbox.get("/api/membership-usage", "sandbox-premium", year=one.year, month=one.month)
        for one in running_months(stopped)
    ]
    assert {name: document[name] for name in COUNTERS} in theirs


@pytest.mark.parametrize(
    "query",
    ["?periodStartUnix=1774268612&year=2026", "?periodStartUnix=1774268612&year=2026&month=3"],
)
def test_a_window_and_a_month_together_are_refused_as_documented(
    gateway, read_account, secret, tmp_path, query
):
    document = usage(query, gateway, secret, tmp_path)

    assert document["status"] == 400
    assert "periodStartUnix" in document["error"]
