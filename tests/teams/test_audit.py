"""The audit trail: only added to, and a change shows (A18)."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from dashboard.teams import audit
from dashboard.teams.models import AppendOnly, AuditEntry
from tests.conftest import NOON


@pytest.fixture
def entries(acme, alice):
    """Three entries of Acme."""
    return [
        audit.record(acme, "key.added", at=NOON, user=alice, subject=name, address="192.0.2.1", n=1)
        for name in ("One", "Two", "Three")
    ]


def tamper(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def verify():
    out, err = StringIO(), StringIO()
    try:
        call_command("auditverify", stdout=out, stderr=err)
    except SystemExit:
        return err.getvalue()
    return out.getvalue()


@pytest.mark.parametrize(
    "deed",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: AuditEntry.objects.update(actor="Nobody"),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).delete(),
        lambda entry: entry.team.audit_entries.all().delete(),
    ],
)
def test_an_entry_is_neither_changed_nor_deleted(entries, deed):
    entries[0].actor = "Nobody"

    with pytest.raises(AppendOnly):
        deed(entries[0])

    assert AuditEntry.objects.filter(actor="Alice").count() == 3


def test_the_trail_stays_readable_after_the_person_is_gone(entries, alice, acme):
    alice.delete()

    assert set(acme.audit_entries.values_list("actor", "user")) == {("Alice", None)}
    assert verify() == "acme: intact\n"


def test_it_goes_with_the_team(entries, acme):
    acme.delete()

    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE teams_auditentry SET actor = 'Mallory' WHERE subject = 'Two'",
        "UPDATE teams_auditentry SET details = '{\"n\": 2}' WHERE subject = 'Two'",
        "UPDATE teams_auditentry SET at = '2026-01-01 00:00:00+00:00' WHERE subject = 'Two'",
        "UPDATE teams_auditentry SET address = NULL WHERE subject = 'Two'",
    ],
)
def test_a18_a_changed_row_is_named(entries, statement):
    assert verify() == "acme: intact\n"

    tamper(statement)

    assert f"entry {entries[1].pk} " in verify()


def test_a18_a_row_taken_out_is_noticed_at_the_next(entries):
    tamper("DELETE FROM teams_auditentry WHERE subject = %s", "Two")

    assert f"entry {entries[2].pk} " in verify()


def test_the_page_shows_the_newest_first_and_one_action_of_it(client, entries, acme, alice):
    audit.record(acme, "member.removed", at=NOON, user=alice, subject="mel@example.com")
    client.force_login(alice)

    page = client.get("/teams/acme/audit/").content.decode()
    some = client.get("/teams/acme/audit/?action=member.removed").content.decode()

    assert page.index("Three") < page.index("One")
    assert "Member removed" in page
    assert "192.0.2.1" in page
    assert "mel@example.com" in some
    assert "Three" not in some


@pytest.mark.parametrize("query", ["?page=0", "?page=x", "?page=999", "?action=%27--", "?action="])
def test_a_strange_question_gets_the_list(client, entries, alice, query):
    client.force_login(alice)

    answer = client.get(f"/teams/acme/audit/{query}")

    assert answer.status_code == 200
    assert "Three" in answer.content.decode()


def test_a_long_trail_has_pages(client, acme, alice):
    for number in range(51):
        audit.record(acme, "key.tested", at=NOON, user=alice, subject=f"<b>{number}</b>")
    client.force_login(alice)

    first = client.get("/teams/acme/audit/").content.decode()
    second = client.get("/teams/acme/audit/?page=2").content.decode()

    assert "&lt;b&gt;50&lt;/b&gt;" in first
    assert "<b>50</b>" not in first
    assert "&lt;b&gt;0&lt;/b&gt;" in second
    assert "&lt;b&gt;50&lt;/b&gt;" not in second


@pytest.mark.parametrize("who", ["mel", "victor"])
def test_it_is_for_admins(client, request, acme, alice, who):
    client.force_login(request.getfixturevalue(who))

    assert client.get("/teams/acme/audit/").status_code == 403


def test_t11_a_forwarded_address_counts_only_behind_a_trusted_proxy(
    client, acme, alice, mel, settings
):
    def leave(team_user):
        client.force_login(team_user)
        client.post("/teams/acme/members/leave/", headers={"X-Forwarded-For": "203.0.113.7"})
        return acme.audit_entries.newest_first().first().address

    assert leave(mel) == "127.0.0.1"
