"""People who sign up for one test, over HTTP; what is tested in the browser is done there."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.waiting import WAIT

PASSWORD = "demo-demo-demo"


def fresh(word: str) -> str:
    """Return a name that nobody has yet."""
    return f"{word}-{uuid.uuid4().hex[:10]}"


class Person:
    """Somebody who is signed in, with the session's cookies and the path of their team."""

    def __init__(self, url: str, email: str) -> None:
        self.url = url
        self.email = email
        self.session = requests.Session()
        self.team = ""

    @property
    def cookies(self) -> list[dict]:
        """Return the session for a browser."""
        found = self.session.cookies
        return [{"name": one.name, "value": one.value, "url": self.url} for one in found]

    def get(self, path: str, **headers: str) -> requests.Response:
        """Open a page."""
        return self.session.get(f"{self.url}{path}", headers=headers, timeout=WAIT)

    def post(self, path: str, *, form: str = "", files: dict | None = None, **data: str):
        """Send the form of a page (by default that of the same address), and follow."""
        page = self.get(form or path).text
        assert "csrfmiddlewaretoken" in page, page[:2000]
        data["csrfmiddlewaretoken"] = page.split('name="csrfmiddlewaretoken" value="')[1][:64]
        address = f"{self.url}{path}"
        return self.session.post(address, data=data, files=files, timeout=WAIT)

    def add_key(self, secret: str, label: str, **more: str) -> str:
        """Add a key for an account of its own; return the account's path."""
        data = {"label": label, "secret": secret, "account": "new", **more}
        answer = self.post(f"{self.team}keys/add/", **data)
        assert "/accounts/" in answer.url, answer.text[:3000]
        return answer.url.removeprefix(self.url)

    def charges(self, sandbox: str, key: str) -> int:
        """Return how many credits the sandbox took for a key's account."""
        address = f"{sandbox}/sandbox/ledger"
        answer = requests.get(address, params={"key": key}, timeout=WAIT)
        return answer.json()["count"]


@contextmanager
def signed_up(url: str, word: str) -> Iterator[Person]:
    """Sign somebody up, with a team of their own."""
    person = Person(url, f"{fresh(word)}@people.example")
    with person.session:
        data = {"email": person.email, "name": word.title(), "password1": PASSWORD}
        answer = person.post("/accounts/signup/", **data)
        assert "/teams/" in answer.url, answer.text[:3000]
        person.team = answer.url.removeprefix(url)
        yield person


@contextmanager
def signed_in(url: str, email: str) -> Iterator[Person]:
    """Sign in, in a session that no other test shares."""
    person = Person(url, email)
    with person.session:
        answer = person.post("/accounts/login/", login=email, password=PASSWORD)
        assert "/teams/" in answer.url, answer.text[:3000]
        person.team = answer.url.removeprefix(url)
        yield person
