"""Addresses of static files: with the hash of the newest manifest, looked up once."""

import pytest
from django.test import Client

from dashboard.lib.static import HashedFiles


@pytest.fixture
def files(tmp_path):
    found = HashedFiles(location=tmp_path, base_url="/static/")
    found.hashed_files = {"css/app.css": "css/app.1.css"}
    return found


def test_a_new_manifest_gives_new_addresses(files):
    assert files.url("css/app.css") == "/static/css/app.1.css"

    files.hashed_files = {"css/app.css": "css/app.2.css"}
    files.save_manifest()

    assert files.url("css/app.css") == "/static/css/app.2.css"


def test_a_file_that_the_manifest_does_not_list_is_an_error_each_time(files):
    for _ in range(2):
        with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
            files.url("css/other.css")


def test_while_debugging_addresses_have_no_hash(files, settings):
    files.url("css/app.css")
    settings.DEBUG = True

    assert files.url("css/app.css") == "/static/css/app.css"


def test_static_files_carry_the_headers_of_pages(settings, tmp_path):
    (tmp_path / "a.css").write_text("a{}")
    settings.STATIC_ROOT = tmp_path

    answer = Client().get("/static/a.css")

    assert answer.status_code == 200
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    answer.close()
