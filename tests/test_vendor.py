import hashlib
import json
import re
from pathlib import Path

from tests.sprite import SPRITE, sprite

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
TEMPLATES = ROOT / "templates"
LOCK = STATIC / "vendor" / "vendor.lock.json"
PACKAGES = json.loads(LOCK.read_text())["packages"]
LOCKED = {path: digest for package in PACKAGES for path, digest in package["files"].items()}


def test_every_third_party_file_is_the_one_that_was_published_and_none_is_unlocked():
    folders = (STATIC / "vendor", ROOT / "tests" / "browser" / "vendor")
    present = {
        str(file.relative_to(ROOT)): hashlib.sha256(file.read_bytes()).hexdigest()
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and file != LOCK
    }

    assert present == LOCKED


def test_every_third_party_package_names_version_licence_and_origin():
    for package in PACKAGES:
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"]), package["name"]
        assert package["licence"] in {"MIT", "ISC", "OFL-1.1", "MPL-2.0", "Apache-2.0"}
        assert package["integrity"].startswith("sha512-"), package["name"]
        assert any(re.search(r"LICENSE|README", path) for path in package["files"])


def test_the_sprite_is_made_of_the_vendored_icons():
    assert SPRITE.read_text() == sprite()


def test_every_icon_that_a_template_names_is_in_the_sprite():
    known = set(re.findall(r'<symbol id="([^"]+)"', SPRITE.read_text()))
    pages = "\n".join(file.read_text() for file in TEMPLATES.rglob("*.html"))
    named = set(re.findall(r'icon\.html" with name="([^"]+)"', pages))
    named |= set(re.findall(r'{% icon "([^"]+)"', pages))
    named |= set(re.findall(r'icon="([a-z0-9-]+)"', pages))

    assert named
    assert named <= known


def test_our_scripts_and_styles_load_nothing_from_elsewhere_and_nothing_inline():
    ours = [*(STATIC / "js").glob("*.js"), *(STATIC / "css").glob("*.css")]
    text = "\n".join(file.read_text() for file in ours)

    assert not re.search(r"https?://|url\(\s*[\"']?data:|\beval\(|new Function", text)


def test_no_template_holds_what_the_content_security_policy_refuses():
    refused = r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:|data:image"
    # A mail is no page: its styles stand in it.
    pages = [file for file in TEMPLATES.rglob("*.html") if "email" not in file.parts]
    texts = {file: file.read_text() for file in pages}

    assert [file for file, text in texts.items() if re.search(refused, text)] == []
    for file, text in texts.items():
        for script in re.findall(r"<script\b[^>]*>", text):
            assert "src=" in script or 'type="application/json"' in script, file


def test_every_script_stays_within_a_hundred_lines():
    lengths = {file: len(file.read_text().splitlines()) for file in (STATIC / "js").glob("*.js")}

    assert {file: length for file, length in lengths.items() if length > 100} == {}
