"""Notifications: told once, to those who may know, the way they chose."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from accounts.models import (
    Membership,
    Notification,
    NotificationMail,
    NotificationRead,
    NotificationRule,
    User,
)
from accounts.rules.notices import Channels
from accounts.services import announcements, audit
from accounts.services import sign_in as sign_in_service
from accounts.services.notifications import mailing, notify, reading
from accounts.services.organizations import add_member
from config.kit import context
from tests.conftest import People
from tests.factories.sign_in import browser
from tests.factories.tokens import ApiClient, session_of
from tests.factories.webhooks import endpoint_of

pytestmark = pytest.mark.django_db


def tell(people: People, kind: str = "license_suspended", **facts: Any) -> Any:
    return notify(people.organization.pk, kind, title=f"About {kind}", **facts)


def member(people: People, user: Any) -> Membership:
    return Membership.objects.get(organization=people.organization, user=user)


def unread(client: Any) -> int:
    return client.get("/api/v1/notifications/unread").json()["unread"]


def test_the_same_cause_is_told_once(people: People) -> None:
    assert tell(people, source="license_suspended:1") is not None
    assert tell(people, source="license_suspended:1") is None
    assert Notification.objects.count() == 1
    assert NotificationMail.objects.count() == 2


def test_only_those_who_may_know_are_told(
    people: People, alice: Any, bob: Any, charlie: Any, nobody: Any
) -> None:
    """Bob may not manage billing, Charlie is of another organization, nobody is nobody."""
    tell(people, "payment_failed")
    tell(people, "member_joined")
    assert (unread(alice), unread(bob), unread(charlie)) == (2, 1, 0)
    assert nobody.get("/api/v1/notifications").status_code == 401
    assert "About payment_failed" not in bob.get("/notifications/").content.decode()
    assert [each.user for each in NotificationMail.objects.select_related("user")] == [people.alice]


def test_reading_is_each_persons_own(people: People, alice: Any, bob: Any, charlie: Any) -> None:
    first = tell(people, url="/licenses/")
    tell(people, "member_joined")
    assert charlie.post(f"/notifications/{first.pk}/read/").status_code == 404
    answer = alice.get(f"/notifications/{first.pk}/open/")
    assert answer.headers["Location"] == "/licenses/"
    assert (unread(alice), unread(bob)) == (1, 2)
    assert alice.post(f"/api/v1/notifications/{first.pk}/read").json()["is_read"]
    assert alice.post("/api/v1/notifications/read-all").json() == {"read": 1}
    assert alice.post("/api/v1/notifications/read-all").json() == {"read": 0}
    assert unread(alice) == 0
    assert bob.post("/notifications/read-all/").status_code == 302
    assert NotificationRead.objects.count() == 4


def test_the_bell_counts_with_one_query(people: People, alice: Any) -> None:
    tell(people)
    with CaptureQueriesContext(connection) as counted:
        page = alice.get("/webhooks/docs/").content.decode()
    asked = [each["sql"] for each in counted if "accounts_notification" in each["sql"]]
    assert len(asked) == 1
    assert "Notifications, 1 new" in page


def test_a_persons_rule_beats_everybodys_and_that_the_default(
    people: People, alice: Any, bob: Any
) -> None:
    none = Channels(in_app=False, email=False)
    reading.set_rule(member(people, people.alice), kind="license_suspended", channels=none,
                     everybody=True)  # fmt: skip
    both = Channels(in_app=True, email=True)
    reading.set_rule(member(people, people.bob), kind="license_suspended", channels=both,
                     everybody=False)  # fmt: skip
    tell(people)
    assert (unread(alice), unread(bob)) == (0, 1)
    assert NotificationMail.objects.get().user == people.bob


def test_rules_are_made_on_their_page(people: People, alice: Any, bob: Any) -> None:
    page = bob.get("/notifications/rules/")
    assert "License suspended" in page.content.decode()
    assert "Payment failed" not in page.content.decode(), "not for his role"
    bob.post("/notifications/rules/", {"member_joined": ["email"], "payment_failed": ["email"]})
    rules = reading.rules_of(member(people, people.bob), everybody=False)
    assert rules["member_joined"] == Channels(in_app=False, email=True)
    assert rules["license_suspended"] == Channels(in_app=False, email=False)
    assert bob.get("/notifications/rules/everybody/").status_code == 403
    alice.post("/notifications/rules/everybody/", {"member_joined": ["in_app", "webhook"]})
    common = reading.rules_of(member(people, people.alice), everybody=True)
    assert common["member_joined"] == Channels(in_app=True, email=False, webhook=True)


def test_saving_the_page_keeps_only_what_differs_from_everybodys(
    people: People, alice: Any, bob: Any
) -> None:
    """A later change of everybody's rules reaches who did not choose otherwise."""
    me = member(people, people.bob)

    def ways(rules: dict[str, Channels]) -> dict[str, list[str]]:
        named = {kind: {"in_app": each.in_app, "email": each.email} for kind, each in rules.items()}
        return {kind: [name for name in chosen if chosen[name]] for kind, chosen in named.items()}

    shown = ways(reading.rules_of(me, everybody=False))
    bob.post("/notifications/rules/", shown)
    assert not NotificationRule.objects.exists()
    bob.post("/notifications/rules/", shown | {"member_joined": ["email"]})
    assert NotificationRule.objects.get().kind == "member_joined"

    common = ways(reading.rules_of(member(people, people.alice), everybody=True))
    common |= {"member_joined": ["in_app", "email", "webhook"], "license_suspended": []}
    alice.post("/notifications/rules/everybody/", common)
    assert NotificationRule.objects.filter(user=None).count() == 2
    rules = reading.rules_of(me, everybody=False)
    assert rules["license_suspended"] == Channels(in_app=False, email=False)
    assert rules["member_joined"] == Channels(in_app=False, email=True)

    bob.post("/notifications/rules/", ways(rules) | {"member_joined": ["in_app", "email"]})
    assert not NotificationRule.objects.filter(user=people.bob).exists(), "as everybody again"


def test_what_one_chose_is_forgotten_in_the_api(people: People, alice: Any, bob: Any) -> None:
    none = {"kind": "member_joined", "in_app": False, "email": False}
    for client in (alice, bob):
        client.put("/api/v1/notifications/rules", none, content_type="application/json")
    assert bob.delete("/api/v1/notifications/rules").status_code == 204
    assert NotificationRule.objects.get().user == people.alice
    assert reading.rules_of(member(people, people.bob), everybody=False)["member_joined"].in_app


def test_rules_in_the_api(people: People, bob: Any) -> None:
    body = {"kind": "member_joined", "in_app": False, "email": True}
    answer = bob.put("/api/v1/notifications/rules", body, content_type="application/json")
    assert {**body, "label": "Member joined"}.items() <= next(
        each.items() for each in answer.json() if each["kind"] == "member_joined"
    )
    hidden = {**body, "kind": "payment_failed"}
    answer = bob.put("/api/v1/notifications/rules", hidden, content_type="application/json")
    assert answer.status_code == 404


def test_a_rule_sends_a_webhook(people: People) -> None:
    endpoint = endpoint_of(people.organization, event_types=["notification.*"])
    tell(people, "member_joined")
    assert not endpoint.deliveries.exists()
    reading.set_rule(member(people, people.alice), kind="member_joined", everybody=True,
                     channels=Channels(in_app=True, email=False, webhook=True))  # fmt: skip
    tell(people, "member_joined")
    assert endpoint.deliveries.get().event.payload["kind"] == "member_joined"


def test_the_mail_is_sent_once_and_says_how_to_stop_it(people: People, settings: Any) -> None:
    tell(people, "webhook_disabled", text="Two & two", url="/webhooks/")
    owed = NotificationMail.objects.get()
    assert mailing.due_mails(now()) == [owed.pk]
    assert mailing.send_due(owed.pk, at=now())
    assert not mailing.send_due(owed.pk, at=now())
    (message,) = mail.outbox
    assert message.to == [people.alice.email]
    assert "Two & two" in message.body
    assert f"{settings.SITE_URL}/notifications/rules/" in message.body
    assert f"{settings.SITE_URL}/webhooks/" in message.body
    assert "notifications/rules" in message.extra_headers["List-Unsubscribe"]


def test_who_has_left_gets_no_mail(people: People) -> None:
    tell(people)
    member(people, people.bob).delete()
    owed = NotificationMail.objects.get(user=people.bob)
    assert not mailing.send_due(owed.pk, at=now())
    owed.refresh_from_db()
    assert (owed.due_at, owed.sent_at, mail.outbox) == (None, None, [])


def test_newcomers_start_with_nothing_new(people: People) -> None:
    with context.acting(organization_id=people.organization.pk):
        tell(people, "member_joined")
        joined = add_member(people.organization, user=people.charlie, role="member")
    assert reading.count_unread(joined) == 0


def test_a_sign_in_from_a_new_program_is_told_to_its_person_alone(
    people: People, alice: Any, bob: Any
) -> None:
    def sign_in(user_agent: str) -> None:
        with context.use(context.Context(user_agent=user_agent, ip="203.0.113.7")):
            announcements.signed_in(people.alice)
            sign_in_service.note_login(people.alice)

    sign_in("Firefox/140.0 Linux")
    sign_in("Firefox/141.0 Linux")
    assert not Notification.objects.exists()
    sign_in("Chrome/99.0 Windows")
    told = Notification.objects.get()
    assert (told.kind, told.user) == ("new_sign_in", people.alice)
    assert "203.0.113.7" in told.text
    assert (unread(alice), unread(bob)) == (1, 0)


@pytest.mark.parametrize("origin", ["password", "bridge", "device"])
def test_a_sign_in_by_the_api_is_told_and_remembered_as_one_on_a_page_is(
    people: People, origin: str
) -> None:
    browser(agent="Firefox/140.0 Linux")

    def sign_in(user_agent: str) -> None:
        alice = User.objects.get(pk=people.alice.pk)
        with context.use(context.Context(user_agent=user_agent, ip="203.0.113.7")):
            session_of(alice, origin=origin)

    sign_in("Firefox/141.0 Linux")
    assert not Notification.objects.exists()
    sign_in("sync-tool/1.0")
    told = Notification.objects.get()
    assert (told.kind, told.user) == ("new_sign_in", people.alice)
    assert "203.0.113.7" in told.text
    sign_in("sync-tool/1.1")
    browser(agent="sync-tool/1.2")
    assert Notification.objects.count() == 1


def test_the_password_at_the_api_tells_its_owner(people: People) -> None:
    browser()
    thief = ApiClient(User_Agent="curl/8.5")
    assert thief.login(password="wrong password").status_code == 401
    assert not Notification.objects.exists()
    assert thief.login().status_code == 200
    assert Notification.objects.get().user == people.alice


def test_a_program_that_signs_in_often_makes_no_browser_look_new(people: People) -> None:
    browser()
    with context.use(context.Context(user_agent="sync-tool/1.0")):
        for _ in range(201):
            audit.record("user.api_session_began", people.alice)
    browser()
    assert not Notification.objects.exists()


_AGENTS = {
    "Firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Chrome": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/{0}.0.7339.80 Safari/537.36",
    "Chrome on another system": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36"
    " (KHTML, like Gecko) Chrome/{0}.0.7339.80 Safari/537.36",
    "Edge": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/{0}.0.7339.80 Safari/537.36 Edg/{0}.0.3485.54",
}


@pytest.mark.parametrize("other", [name for name in _AGENTS if name != "Chrome"])
def test_an_updated_browser_is_no_news_and_another_browser_or_system_is(
    people: People, other: str
) -> None:
    def sign_in(agent: str) -> None:
        with context.use(context.Context(user_agent=agent, ip="203.0.113.7")):
            announcements.signed_in(people.alice)
            sign_in_service.note_login(people.alice)

    for version in (139, 140, 141):
        sign_in(_AGENTS["Chrome"].format(version))
    assert not Notification.objects.exists()
    for version in (140, 141):
        sign_in(_AGENTS[other].format(version))
    assert Notification.objects.get().kind == "new_sign_in"


def test_the_feed_is_empty_then_filtered_then_paged(people: People, alice: Any) -> None:
    assert "Nothing yet" in alice.get("/notifications/").content.decode()
    for _ in range(30):
        tell(people)
    page = alice.get("/notifications/?page=2").content.decode()
    assert page.count("About license_suspended") == 5
    alice.post("/notifications/read-all/")
    assert "You have read everything" in alice.get("/notifications/?status=unread").content.decode()
    listed = alice.get("/api/v1/notifications?unread=true").json()["results"]
    assert listed == []


def test_what_is_older_than_ninety_days_is_forgotten(people: People) -> None:
    tell(people)
    assert reading.forget_old(at=now()) == 0
    assert reading.forget_old(at=now() + reading.KEPT) == 1
