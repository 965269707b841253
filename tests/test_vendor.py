import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.sprite import SPRITE, sprite

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
TEMPLATES = ROOT / "templates"
LOCK = STATIC / "vendor" / "vendor.lock.json"
PACKAGES = json.loads(LOCK.read_text())["packages"]
LOCKED = {path: digest for package in PACKAGES for path, digest in package["files"].items()}


@pytest.mark.parametrize("path", LOCKED)
def test_a_third_party_file_is_the_one_that_was_published(path):
    assert hashlib.sha256((ROOT / path).read_bytes()).hexdigest() == LOCKED[path]


def test_no_third_party_file_lies_there_unlocked():
    folders = (STATIC / "vendor", ROOT / "tests" / "browser" / "vendor")
    present = {
        str(file.relative_to(ROOT))
        for folder in folders
        for file in folder.rglob("*")
        if file.is_file() and file != LOCK
    }

    assert present == set(LOCKED)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_a_third_party_package_names_version_licence_and_origin(package):
    assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
    assert package["licence"] in {"MIT", "ISC", "OFL-1.1", "MPL-2.0", "Apache-2.0"}
    assert package["integrity"].startswith("sha512-")
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


# A mail is no page: its styles stand in it.
PAGES = [file for file in sorted(TEMPLATES.rglob("*.html")) if "email" not in file.parts]


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_a_template_holds_nothing_that_the_content_security_policy_refuses(file):
    text = file.read_text()

    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|hx-on|javascript:|data:image", text)
    for script in re.findall(r"<script\b[^>]*>", text):
        assert "src=" in script or 'type="application/json"' in script


@pytest.mark.parametrize("file", sorted((STATIC / "js").glob("*.js")), ids=lambda f: f.name)
def test_a_script_stays_within_a_hundred_lines(file):
    assert len(file.read_text().splitlines()) <= 100
