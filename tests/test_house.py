"""What must hold everywhere, tested by walking."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(__file__).resolve().parent.parent
SOME_UUID = "00000000-0000-4000-8000-000000000000"
SOME_NUMBER = 999_999


def routes(patterns=None, prefix: str = "") -> list[str]:
    """List every address of the product as a template."""
    found = []
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            found += routes(entry.url_patterns, route)
        elif isinstance(entry, URLPattern):
            found.append(route)
    return found


TEAM_ROUTES = sorted(route for route in routes() if "<slug:slug>" in route)
METHODS = ("get", "post", "head", "options", "put", "delete")


def filled(route: str, **values: object) -> str:
    """Return the address with its gaps filled."""
    values = {"slug": "acme", **values}

    def fill(match: re.Match) -> str:
        converter, name = match.group(1), match.group(2)
        default = {"uuid": SOME_UUID, "int": SOME_NUMBER}.get(converter, "x")
        return str(default if converter == "int" else values.get(name, default))

    return "/" + re.sub(r"<(?:(\w+):)?(\w+)>", fill, route)


def test_there_are_team_pages_to_walk():
    assert len(TEAM_ROUTES) > 20


def test_t1_no_team_page_opens_for_a_stranger(client, alice, mallory, account):
    client.force_login(mallory)

    answers = {
        (route, method, bool(headers)): getattr(client, method)(
            filled(route, pk=account.pk), headers=headers
        ).status_code
        for route in TEAM_ROUTES
        for method in METHODS
        for headers in ({}, {"HX-Request": "true"})
    }

    assert {
        request: status for request, status in answers.items() if status not in (404, 405)
    } == {}


def test_t2_nobody_signed_out_gets_past_the_door(client, alice):
    for route in TEAM_ROUTES:
        answer = client.get(filled(route))

        if answer.status_code == 302:
            assert answer["Location"].startswith("/accounts/login/"), route
        else:
            assert answer.status_code in {401, 405}, route


def test_settings_and_example_name_the_same_variables():
    source = (ROOT / "dashboard" / "settings.py").read_text()
    read = set(re.findall(r"env\.\w+\(\"([A-Z_]+)\"", source))
    example = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))

    assert read == example


def test_models_and_migrations_agree():
    done = subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout


def test_every_module_that_charts_import_is_asked_for_at_once():
    scripts = (ROOT / "templates" / "components" / "chart_scripts.html").read_text()
    asked = set(re.findall(r"modulepreload\" href=\"{% static 'js/([\w-]+\.js)'", scripts))
    found, waiting = set(), ["chart.js"]
    while waiting:
        source = (ROOT / "static" / "js" / waiting.pop()).read_text()
        new = set(re.findall(r'from "\./([\w-]+\.js)"', source)) - found
        found |= new
        waiting += new

    assert asked == found


def test_o5_every_page_stays_out_of_caches(client, alice):
    client.force_login(alice)

    answer = client.get("/teams/acme/")

    assert answer["Cache-Control"] == "private, no-store"
    assert "Cookie" in answer["Vary"]


def test_a9_pages_carry_the_strict_policy(client, alice):
    client.force_login(alice)

    policy = client.get("/teams/acme/")["Content-Security-Policy"]

    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe" not in policy


def test_t24_there_is_no_admin_site(client, alice):
    client.force_login(alice)

    assert client.get("/admin/").status_code == 404


def listed(*patterns: str) -> list[str]:
    """List the files of the project that fit one of the patterns."""
    command = ["git", "ls-files", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return [name for name in names.stdout.split() if (ROOT / name).is_file()]


def test_no_file_of_the_project_names_a_package_index():
    names = [".".join(parts) for parts in (("py" + "pi", "org"), ("python" + "hosted", "org"))]
    wrong = [
        name
        for name in listed()
        if any(word in (ROOT / name).read_text(errors="ignore") for word in names)
    ]

    assert wrong == []
    assert settings.SITE_URL.startswith("http://127.0.0.1")


# What is said to readers: comments, docstrings, names and ids of tests.
REMARK = re.compile(r'(?:^|\s)# .*|"""[\s\S]*?"""|\bid="[^"]*"|\bdef test_\w+', re.MULTILINE)
ROW = re.compile(r"\b[ADFKOPRSTUW]\d{1,2}\b|(?<=_)[adfkoprstuw]\d{1,2}(?=_|\b)")
NO_ROWS = {"d0", "d50"}  # A byte of JPEG's, and a light.
SECTION = re.compile(r"\b[Pp]romises (\d[\d.]*\d|\d|[A-Z]\b)(?: and (\d))?")
FINDING = re.compile(r"\bfinding (\d+)")
CONTRACT = re.compile(r"\b[Cc]ontract,? (?:(\d)(?: and (\d))?|`(\w+)`)")


def references(text: str) -> Iterator[str]:
    """Yield what a text names: `promises.md#u45`, `contract.md#2`."""
    for row in ROW.findall(text):
        if row.lower() not in NO_ROWS:
            yield f"promises.md#{row.lower()}"
    for found in SECTION.findall(text):
        yield from (f"promises.md#{name.lower()}" for name in found if name)
    for number in FINDING.findall(text):
        yield f"promises.md#0.{number}"
    for found in CONTRACT.findall(text):
        yield from (f"contract.md#{name}" for name in found if name)


def test_what_comments_and_tests_point_to_is_there():
    known = {
        f"{page}#{anchor}"
        for page in ("promises.md", "contract.md")
        for anchor in re.findall(r'<a id="([^"]+)"></a>', (ROOT / "docs" / page).read_text())
    }
    told = {
        (name, reference)
        for name in listed("*.py")
        for remark in REMARK.findall((ROOT / name).read_text())
        for reference in references(remark)
    }

    assert len(told) > 500
    assert sorted(one for one in told if one[1] not in known) == []


def test_nothing_points_to_pages_that_are_not_here():
    absent = re.compile(r"\b(?:[S]AFETY|[D]ESIGN|[S]TYLE\.md|[L]OOK\.md)\b")

    names = [name for name in listed("*.py", "*.md", "*.html", "*.js") if "/vendor/" not in name]
    assert [name for name in names if absent.search((ROOT / name).read_text())] == []
