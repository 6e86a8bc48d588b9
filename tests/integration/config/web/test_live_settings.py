"""What administrators set shows on the customer site at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from constance import config as stored
from constance.models import Constance

from accounts.services.live import forget, live
from tests.conftest import WalledClient


@pytest.fixture(autouse=True)
def read_anew(db: None) -> Iterator[None]:
    yield
    Constance.objects.all().delete()
    forget()
    live("SIGN_UP_OPEN")


def test_an_announcement_stands_on_every_page(alice: WalledClient, nobody: WalledClient) -> None:
    stored.ANNOUNCEMENT = "Maintenance <b>on Sunday</b>"
    for client, path in ((alice, "/"), (nobody, "/login/"), (nobody, "/nowhere/")):
        text = client.get(path).content.decode()
        assert "Maintenance &lt;b&gt;on Sunday&lt;/b&gt;" in text, path


def test_links_of_the_operator_stand_in_the_footer(nobody: WalledClient) -> None:
    assert "mailto:" not in nobody.get("/login/").content.decode()
    stored.SUPPORT_EMAIL, stored.TERMS_URL = (
        "help@switchyard.example",
        "https://switchyard.example/t",
    )
    text = nobody.get("/login/").content.decode()
    assert 'href="mailto:help@switchyard.example"' in text
    assert 'href="https://switchyard.example/t"' in text


def test_a_closed_sign_up_takes_nobody(nobody: WalledClient) -> None:
    stored.SIGN_UP_OPEN = False
    answer = nobody.post("/signup/", {"email": "dora@example.com", "password1": "correct horse"})
    assert answer.status_code == 200
    assert "closed" in answer.content.decode().lower()
