"""A page that asks is answered once, however often its button is pressed."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import AuditLog, User
from accounts.services.users import create_user
from config.kit.asking import DONE_BEFORE
from licensing.models import License
from support.models import AdminNote
from tests.integration.backoffice.conftest import enter, member_of_staff

ONCE = re.compile(r'name="once" value="([0-9a-f-]{36})"')


def once_of(page: Any) -> str:
    return ONCE.findall(page.content.decode())[0]


def said(answer: Any) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def person() -> User:
    return create_user("carla@example.com", "correct horse battery")


def note_page(user: User) -> str:
    return reverse("admin:accounts_user_note", args=[user.pk])


def test_a_page_sent_twice_acts_once_and_says_the_same(support: Client) -> None:
    address = note_page(person())
    form = {"note": "Called twice", "once": once_of(support.get(address))}
    assert support.post(address, form | {"note": ""}).status_code == 422, "nothing was done yet"
    answers = [support.post(address, form) for _ in range(2)]
    assert AdminNote.objects.count() == 1
    assert [answer.status_code for answer in answers] == [302, 302]
    assert "done for 1" in said(answers[0])[-1]
    assert said(answers[1])[-1] == said(answers[0])[-1]
    support.post(address, form | {"once": once_of(support.get(address))})
    assert AdminNote.objects.count() == 2, "a page opened anew is another question"


def test_many_rows_are_done_once(support: Client, house: None) -> None:
    rows = [str(row.pk) for row in License.objects.all()]
    chosen = {"action": "suspend", "_selected_action": rows}
    address = reverse("admin:licensing_license_changelist")
    sure = chosen | {
        "confirmed": "yes",
        "reason": "x",
        "once": once_of(support.post(address, chosen)),
    }
    answers = [support.post(address, sure) for _ in range(2)]
    assert said(answers[1])[-1] == said(answers[0])[-1]
    assert AuditLog.objects.filter(action="license.suspended").count() == len(rows)


def test_what_was_not_committed_is_done_when_it_is_sent_again(support: Client) -> None:
    address = note_page(person())
    form = {"note": "Called", "once": once_of(support.get(address))}
    with transaction.atomic():
        assert support.post(address, form).status_code == 302
        transaction.set_rollback(True)
    assert AdminNote.objects.count() == 0
    assert "done for 1" in said(support.post(address, form))[-1]
    assert AdminNote.objects.count() == 1


def test_what_was_done_is_not_done_again_though_redis_forgot(support: Client) -> None:
    address = note_page(person())
    form = {"note": "Called", "once": once_of(support.get(address))}
    support.post(address, form)
    cache.clear()
    assert said(support.post(address, form))[-1] == DONE_BEFORE
    assert AdminNote.objects.count() == 1


def test_what_leads_on_leads_there_again(admin: Client) -> None:
    address = reverse("admin:accounts_user_look", args=[person().pk])
    form = {"reason": "ticket 4711", "once": once_of(admin.get(address))}
    links = [admin.post(address, form).context["address"] for _ in range(2)]
    assert links[0] == links[1]


@pytest.mark.usefixtures("live_database")
def test_eight_clicks_at_once_write_one_note() -> None:
    client, address = enter(member_of_staff("support")), note_page(person())
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    form = {"note": "Called", "once": once_of(client.get(address))}

    def click(_: int) -> Any:
        mine = Client()
        mine.cookies[settings.SESSION_COOKIE_NAME] = session
        try:
            return mine.post(address, form)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(click, range(8)))
    assert {answer.status_code for answer in answers} == {302}
    assert AdminNote.objects.count() == 1
