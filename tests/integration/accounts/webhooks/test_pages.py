"""The dashboard's pages about webhooks: works without scripts, tells secrets once, asks before harm."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import now

from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.services.webhooks.endpoints import MOST
from accounts.web.webhooks.figures import reach_of
from tests.conftest import People
from tests.factories.webhooks import SECRET, announced, endpoint_of, reply

pytestmark = pytest.mark.django_db


def text(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status, answer.content[:500]
    return answer.content.decode()


def test_an_owner_adds_an_endpoint_and_sees_its_secret_once(alice: Any, bob: Any) -> None:
    assert "No endpoints yet" in text(alice.get("/webhooks/"))
    form = {"url": "https://1.1.1.1/hook", "event_types": ["license.*", "order.paid"]}
    answer = alice.post("/webhooks/new/", form)
    assert answer.headers["Cache-Control"] == "no-store"
    page = text(answer)
    endpoint = WebhookEndpoint.objects.get()
    (secret,) = endpoint.secrets(endpoint.created_at)
    assert secret in page
    assert endpoint.event_types == ["license.*", "order.paid"]
    for path in ("/webhooks/", f"/webhooks/{endpoint.pk}/"):
        assert secret not in text(alice.get(path))
        assert "https://1.1.1.1/hook" in text(bob.get(path))
    assert bob.post("/webhooks/new/", form).status_code == 403


def test_a_refused_address_is_said_beside_its_field(alice: Any) -> None:
    form = {"url": "https://169.254.169.254/", "event_types": ["*"]}
    page = text(alice.post("/webhooks/new/", form), 422)
    assert "id_url_error" in page
    assert "not allowed" in page


def test_one_too_many_is_said_on_the_form(people: People, alice: Any) -> None:
    for number in range(MOST):
        endpoint_of(people.organization, f"https://{number}.example/")
    form = {"url": "https://1.1.1.1/hook", "event_types": ["*"], "description": "the 21st"}
    page = text(alice.post("/webhooks/new/", form), 422)
    assert f"at most {MOST} endpoints" in page
    assert 'value="the 21st"' in page


def test_a_page_that_is_sent_again_makes_nothing(people: People, alice: Any) -> None:
    form = {"url": "https://1.1.1.1/hook", "event_types": ["*"], "once": once_on(alice, "new/")}
    assert "whsec_" in text(alice.post("/webhooks/new/", form))
    again = alice.post("/webhooks/new/", form, follow=True)
    assert again.redirect_chain == [("/webhooks/", 302)]
    assert "made already" in text(again)
    endpoint = WebhookEndpoint.objects.get()
    path = f"{endpoint.pk}/roll-secret/"
    once = once_on(alice, path)
    assert "whsec_" in text(alice.post(f"/webhooks/{path}", {"once": once}))
    endpoint.refresh_from_db()
    in_use = endpoint.secrets(now())
    again = alice.post(f"/webhooks/{path}", {"once": once}, follow=True)
    assert again.redirect_chain == [(f"/webhooks/{endpoint.pk}/", 302)]
    endpoint.refresh_from_db()
    assert endpoint.secrets(now()) == in_use
    assert len(in_use) == 2


def once_on(client: Any, path: str) -> str:
    """Return the number in the form of a page."""
    found = re.search('name="once" value="([^"]+)"', text(client.get(f"/webhooks/{path}")))
    assert found
    return found[1]


def test_an_empty_tab_or_filter_is_not_an_endpoint_that_was_told_nothing(
    people: People, alice: Any
) -> None:
    endpoint = endpoint_of(people.organization)
    path = f"/webhooks/{endpoint.pk}/"
    page = text(alice.get(path))
    assert "Nothing sent yet" in page
    assert "in the last 30 days" not in page
    announced(people.organization)
    for filter in ("?type=order.paid", "?status=failed", "?q=order"):
        page = text(alice.get(path + filter))
        assert "No delivery matches" in page
        assert "in the last 30 days" in page


def test_the_list_shows_state_and_reach(people: People, alice: Any) -> None:
    good = endpoint_of(people.organization, "https://good.example/")
    bad = endpoint_of(people.organization, "https://bad.example/")
    announced_twice(people, good, bad)
    page = text(alice.get("/webhooks/"))
    assert "100.0 %" in page
    assert "0.0 %" in page
    assert "bad.example" not in text(alice.get("/webhooks/?q=good"))
    assert text(alice.get("/webhooks/?export=csv")).count("example/") == 2


def announced_twice(people: People, good: WebhookEndpoint, bad: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.exclude(pk=good.pk).update(event_types=["order.*"])
    announced(people.organization, "license.issued")
    WebhookDelivery.objects.update(status="succeeded", next_attempt_at=None)
    WebhookEndpoint.objects.filter(pk=good.pk).update(event_types=["license.*"])
    announced(people.organization, "order.paid")
    WebhookDelivery.objects.filter(endpoint=bad).update(status="failed", next_attempt_at=None)


def test_a_delivery_shows_what_was_sent_and_answered(
    people: People, alice: Any, bob: Any, endpoint: Any, receiver: Any, send: Any
) -> None:
    receiver.answer = lambda handler: reply(handler, 500, b"<script>alert(1)</script>")
    delivery = announced(people.organization, "license.revoked")
    send(delivery)
    path = reverse("webhook_delivery", args=[endpoint.pk, delivery.pk])
    page = text(alice.get(path))
    assert "webhook-signature: v1," in page
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert SECRET not in page
    assert text(bob.get(f"{path}state/", headers={"HX-Request": "true"}))
    assert bob.get(f"{path}state/").headers["Location"] == path
    assert bob.post(f"{path}replay/").status_code == 403
    assert alice.post(f"{path}replay/").status_code == 302
    delivery.refresh_from_db()
    assert (delivery.status, delivery.tries) == ("pending", 0)


def test_a_delivery_asks_how_it_fares_only_around_a_try(people: People, alice: Any) -> None:
    endpoint = endpoint_of(people.organization)
    delivery = announced(people.organization)
    path = reverse("webhook_delivery", args=[endpoint.pk, delivery.pk])
    for wait, polls in ((0, True), (50, True), (70, False), (3 * 86400, False)):
        WebhookDelivery.objects.update(next_attempt_at=now() + timedelta(seconds=wait))
        for address in (path, f"{path}state/"):
            assert ("hx-trigger" in region(alice, address)) is polls, wait
    WebhookDelivery.objects.update(status="succeeded", next_attempt_at=None)
    assert "hx-trigger" not in region(alice, path)


def region(client: Any, path: str) -> str:
    """Return the opening tag of the part that asks for itself again."""
    found = re.search(
        '<div id="attempts"[^>]*>', text(client.get(path, headers={"HX-Request": "true"}))
    )
    assert found
    return found[0]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"])
def test_days_of_reach_are_the_readers(people: People, zone: str) -> None:
    endpoint = endpoint_of(people.organization)
    with timezone.override(zone):
        today = datetime(2026, 3, 20, tzinfo=ZoneInfo(zone))
        for days in (0, 13, 14):
            row = announced(people.organization)
            WebhookDelivery.objects.filter(pk=row.pk).update(
                created_at=today - timedelta(days=days) + timedelta(minutes=1),
                status="succeeded",
                next_attempt_at=None,
            )
        for hour in (0, 12, 23):
            at = (today + timedelta(hours=hour, minutes=2)).astimezone(UTC)
            reach = reach_of(people.organization, [endpoint.pk], at)[endpoint.pk]
            assert reach.daily == [1, *[0] * 12, 1]
            assert (reach.ended, reach.succeeded) == (2, 2)


def test_selected_deliveries_or_all_matching_are_sent_again(people: People, alice: Any) -> None:
    endpoint = endpoint_of(people.organization)
    rows = [announced(people.organization) for _ in range(4)]
    WebhookDelivery.objects.update(status="failed", next_attempt_at=None)
    path = f"/webhooks/{endpoint.pk}/replay/"
    alice.post(path, {"ids": [rows[0].pk, "nonsense"]})
    assert WebhookDelivery.objects.filter(status="pending").count() == 1
    alice.post(path, {"all": "1", "status": "failed"})
    assert WebhookDelivery.objects.filter(status="pending").count() == 4
    WebhookDelivery.objects.update(status="abandoned", next_attempt_at=None)
    alice.post(f"/webhooks/{endpoint.pk}/replay-failed/", {"since": "24"})
    assert WebhookDelivery.objects.filter(status="pending").count() == 4


def test_ids_of_another_organization_are_passed_over(people: People, alice: Any) -> None:
    """Tenancy: wrong ids for a replay of many."""
    endpoint = endpoint_of(people.organization)
    endpoint_of(people.other)
    theirs = announced(people.other)
    WebhookDelivery.objects.update(status="failed", next_attempt_at=None)
    alice.post(f"/webhooks/{endpoint.pk}/replay/", {"ids": [str(theirs.pk)]})
    theirs.refresh_from_db()
    assert theirs.status == "failed"
    foreign = reverse("webhook_delivery_replay", args=[endpoint.pk, theirs.pk])
    assert alice.post(foreign).status_code == 404


def test_harm_is_asked_for_first(people: People, alice: Any, charlie: Any) -> None:
    endpoint = endpoint_of(people.organization)
    announced(people.organization)
    base = f"/webhooks/{endpoint.pk}/"
    assert "1 waiting message " in text(alice.get(f"{base}disable/"))
    for verb in ("disable", "delete", "roll-secret", "enable", "test"):
        assert charlie.post(f"{base}{verb}/").status_code == 404
    assert alice.get(f"{base}test/").status_code == 405
    alice.post(f"{base}disable/")
    assert WebhookDelivery.objects.get().status == "abandoned"
    assert "This endpoint is disabled" in text(alice.get(base))
    alice.post(f"{base}enable/")
    assert "whsec_" in text(alice.post(f"{base}roll-secret/"))
    assert "Two secrets are in use" in text(alice.get(base))
    assert alice.post(f"{base}test/").status_code == 302
    assert text(alice.get(f"{base}delete/"))
    assert WebhookEndpoint.objects.kept().exists()
    assert "not the host of the address" in text(
        alice.post(f"{base}delete/", {"confirm": "x"}), 422
    )
    alice.post(f"{base}delete/")
    assert WebhookEndpoint.objects.kept().exists()
    alice.post(f"{base}delete/", {"confirm": " Hooks.example "})
    assert not WebhookEndpoint.objects.kept().exists()


def test_the_docs_name_every_type_and_how_to_verify(bob: Any) -> None:
    page = text(bob.get("/webhooks/docs/"))
    for word in ("license.revoked", "member.joined", "standardwebhooks", "webhook-signature"):
        assert word in page


def test_pages_take_few_queries(people: People, alice: Any) -> None:
    endpoint = endpoint_of(people.organization)
    for _ in range(8):
        announced(people.organization)
    for path, most in (("/webhooks/", 9), (f"/webhooks/{endpoint.pk}/", 10)):
        with CaptureQueriesContext(connection) as counted:
            text(alice.get(path))
        asked = [each["sql"] for each in counted if "ROLE" not in each["sql"]]
        assert len(asked) <= most, asked
