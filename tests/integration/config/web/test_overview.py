"""The overview: real numbers, honest when there are none, in a fixed number of queries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.timezone import now

from accounts.models import NotificationRule, Organization
from accounts.services import audit
from billing.models import Transaction
from config.kit import context
from config.kit.ids import seal
from config.web.overview import spend_by_month
from config.web.presence import presence_of
from licensing.models import DeviceLink, License
from tests.conftest import People, WalledClient
from tests.factories.billing import ProductFactory, order_of, profile_of
from tests.factories.team import invitation_of

MOST_QUERIES = 12


def license_of(organization: Organization, **facts: Any) -> License:
    number = License.objects.count()
    return License.objects.create(
        **{
            "organization": organization,
            "product": ProductFactory.create(name=f"Relay {number}"),
            "plan": "Team",
            "key_hash": f"{number:064x}",
            "key_sealed": seal("SWY"),
            "display_key": "ABCDEF",
            "max_devices": 2,
            "starts_at": now() - timedelta(days=1),
        }
        | facts
    )


def device_of(license: License, **facts: Any) -> DeviceLink:
    number = DeviceLink.objects.count()
    return DeviceLink.objects.create(
        **{
            "license": license,
            "organization_id": license.organization_id,
            "device_id": f"device-{number}",
            "name": f"Device {number}",
            "token_hash": f"{number:064x}",
            "activated_at": now(),
        }
        | facts
    )


def payment_of(organization: Organization, minor: int, at: datetime, **facts: Any) -> Transaction:
    return Transaction.objects.create(
        **{
            "organization": organization,
            "kind": "payment",
            "status": "completed",
            "amount_minor": minor,
            "currency": "EUR",
            "processed_at": at,
        }
        | facts
    )


def test_a_stranger_is_led_to_the_login_page(nobody: WalledClient) -> None:
    answer = nobody.get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/login/?next=/")


def test_a_new_account_sees_first_steps_and_no_charts(alice: WalledClient) -> None:
    answer = alice.get("/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "First steps" in page
    assert "Seats in use" not in page
    assert "uPlot" not in page


def test_first_steps_tick_themselves(alice: WalledClient, organization: Organization) -> None:
    steps = {step.title: step.done for step in alice.get("/").context["steps"]}
    assert steps["Confirm your e-mail address"]
    assert steps["Describe your organization"]
    assert not steps["License an app"]
    assert steps["Invite a colleague"], "Bob is one"
    device_of(license_of(organization))
    steps = {step.title: step.done for step in alice.get("/").context["steps"]}
    assert steps["License an app"]
    assert steps["Activate a device"]


def test_a_colleague_and_a_billing_alert_are_steps_worked_out_from_what_is_there(
    alice: WalledClient, bob: WalledClient, organization: Organization
) -> None:
    organization.memberships.exclude(role="owner").delete()
    steps = {step.title: step.done for step in alice.get("/first-steps/").context["steps"]}
    assert (steps["Invite a colleague"], steps["Set a billing alert"]) == (False, False)
    invitation_of(organization)
    NotificationRule.objects.create(
        organization=organization, kind="payment_failed", in_app=True, email=True
    )
    steps = {step.title: step.done for step in alice.get("/first-steps/").context["steps"]}
    assert (steps["Invite a colleague"], steps["Set a billing alert"]) == (True, True)


def test_who_may_neither_invite_nor_pay_is_not_told_to(bob: WalledClient) -> None:
    steps = {step.title for step in bob.get("/first-steps/").context["steps"]}
    assert not steps & {"Invite a colleague", "Set a billing alert", "Describe your organization"}


def test_first_steps_can_be_hidden_and_shown_again(
    alice: WalledClient, organization: Organization
) -> None:
    license_of(organization)
    assert alice.get("/").context["shows_steps"]
    assert alice.post("/first-steps/").status_code == 302
    assert not alice.get("/").context["shows_steps"]
    assert "Show on the overview" in alice.get("/first-steps/").content.decode()
    alice.post("/first-steps/", {"show": "1"})
    assert alice.get("/").context["shows_steps"]


def test_figures_count_ones_own_licenses_and_devices_only(
    alice: WalledClient, people: People
) -> None:
    running = license_of(people.organization, max_devices=5)
    expired = license_of(people.organization, expires_at=now() - timedelta(hours=1))
    device_of(running)
    device_of(running, deactivated_at=now() + timedelta(seconds=1))
    device_of(expired)
    device_of(license_of(people.other, max_devices=9))
    figures = alice.get("/").context["licenses"]
    assert (figures.active, figures.total) == (1, 2)
    assert (figures.seats_used, figures.seats) == (1, 5)
    assert len(figures.devices) == 2


def test_devices_online_are_counted_from_their_heartbeats(
    alice: WalledClient, organization: Organization, redis_client: redis.Redis
) -> None:
    license = license_of(organization)
    online, _ = device_of(license), device_of(license)
    redis_client.set(f"device:{online.pk}:online", "1", ex=60)
    presence = alice.get("/").context["presence"]
    assert (presence.online, presence.total, presence.exact) == (1, 2, True)


def test_without_redis_devices_are_counted_from_their_last_check_ins(
    people: People, redis_away: None
) -> None:
    at = now()
    license = license_of(people.organization)
    recent = device_of(license, last_seen_at=at - timedelta(seconds=80))
    gone = device_of(license, last_seen_at=at - timedelta(minutes=5))
    presence = presence_of([(each.pk, each.last_seen_at) for each in (recent, gone)], at)
    assert (presence.online, presence.total, presence.exact) == (1, 2, False)


def test_spend_is_what_was_paid_less_what_came_back_by_month(people: People) -> None:
    at = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    payment_of(people.organization, 10_000, datetime(2026, 3, 5, tzinfo=UTC))
    payment_of(people.organization, 2_500, datetime(2026, 3, 6, tzinfo=UTC), kind="refund")
    payment_of(people.organization, 4_000, datetime(2026, 2, 28, 23, 30, tzinfo=UTC))
    payment_of(people.organization, 9_000, datetime(2025, 3, 31, tzinfo=UTC))
    payment_of(
        people.organization, 7_000, datetime(2026, 3, 7, tzinfo=UTC), status="failed",
        processed_at=None,
    )  # fmt: skip
    payment_of(people.other, 99_900, datetime(2026, 3, 5, tzinfo=UTC))
    spend = spend_by_month(people.organization, at)
    assert len(spend.months) == 12
    assert (spend.this_month.minor, spend.last_month.minor) == (7_500, 4_000)
    assert str(spend.total) == "€115.00"
    assert spend.months[0].starts_at == datetime(2025, 4, 1, tzinfo=UTC)


def test_months_are_those_of_the_persons_time_zone(people: People) -> None:
    payment_of(people.organization, 4_000, datetime(2026, 2, 28, 23, 30, tzinfo=UTC))
    with timezone.override("Europe/Berlin"):
        spend = spend_by_month(people.organization, datetime(2026, 3, 31, 10, 0, tzinfo=UTC))
    assert (spend.this_month.minor, spend.last_month.minor) == (4_000, 0)


def test_money_in_other_currencies_is_named_and_not_added(people: People) -> None:
    at = datetime(2026, 3, 31, tzinfo=UTC)
    payment_of(people.organization, 1_000, datetime(2026, 3, 1, tzinfo=UTC))
    payment_of(people.organization, 500, datetime(2026, 1, 1, tzinfo=UTC), currency="USD")
    spend = spend_by_month(people.organization, at)
    assert str(spend.total) == "€10.00"
    assert "USD" in spend.words


def titles(client: WalledClient) -> list[str]:
    return [f"{item.title} {item.text}" for item in client.get("/").context["attention"]]


def test_all_is_clear_when_nothing_needs_a_person(
    alice: WalledClient, organization: Organization
) -> None:
    license_of(organization)
    alice.post("/first-steps/", {"show": "1"})
    assert titles(alice) == []
    assert "All clear" in alice.get("/").content.decode()


def test_licenses_that_end_or_are_full_or_held_need_attention(
    alice: WalledClient, organization: Organization
) -> None:
    license_of(organization, expires_at=now() + timedelta(days=6, hours=1))
    license_of(organization, expires_at=now() + timedelta(days=40))
    device_of(license_of(organization, max_devices=1))
    license_of(organization, status="suspended", suspended_reason="payment_overdue")
    assert titles(alice) == [
        "Relay 3 is suspended: payment overdue.",
        "Relay 0 ends in 6 days.",
        "Relay 2 has no free seat: 1 of 1 in use.",
    ]


def test_an_unpaid_order_needs_attention_and_leads_to_its_checkout(
    alice: WalledClient, bob: WalledClient, organization: Organization
) -> None:
    profile_of(organization)
    order = order_of(organization, at=now())
    (item,) = alice.get("/").context["attention"]
    assert item.url == f"/checkout/{order.pk}/"
    assert "is not paid yet" in item.text
    # Bob may look, but not buy.
    (item,) = bob.get("/").context["attention"]
    assert item.url == ""


def test_ones_own_account_is_named_once_the_checklist_is_hidden(
    alice: WalledClient, organization: Organization
) -> None:
    license_of(organization)
    alice.post("/first-steps/")
    assert any("second factor" in title for title in titles(alice))


def test_activity_is_told_in_words_and_only_of_ones_own_organization(
    alice: WalledClient, people: People, acting_for: Any
) -> None:
    with acting_for():
        license = license_of(people.organization)
        device_of(license)
        audit.record("license.key_revealed", license)
    license_of(people.other, plan="Secret")
    happened = [each.title for each in alice.get("/").context["activity"]]
    assert happened[:3] == ["License key shown", "Device activated", "License issued: Team"]
    assert not any("Secret" in title for title in happened)


def test_the_overview_asks_the_database_a_fixed_number_of_times(
    alice: WalledClient, people: People
) -> None:
    def fill() -> None:
        # Acting as Bob, so that the names of others have to be looked up as well.
        bob = {"actor_kind": "user", "actor_id": str(people.bob.pk)}
        with context.acting(organization_id=people.organization.pk, **bob):
            for _ in range(3):
                device_of(license_of(people.organization, max_devices=1))
                payment_of(people.organization, 100, now())

    fill()
    alice.get("/")
    with CaptureQueriesContext(connection) as few:
        assert alice.get("/").status_code == 200
    fill()
    with CaptureQueriesContext(connection) as many:
        page = alice.get("/")
    # In production the request's transaction is no savepoint, and the role is the connection's own.
    ours = ("SAVEPOINT", "RELEASE", "SET ROLE", "RESET")
    told = [query["sql"] for query in few if not query["sql"].startswith(ours)]
    assert len(told) <= MOST_QUERIES, "\n".join(told)
    assert len(many) == len(few)
    assert "Bob" in page.content.decode()
