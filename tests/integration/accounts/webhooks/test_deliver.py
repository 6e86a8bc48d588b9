"""API-8: messages are signed over their exact bytes, tried again with patience, recorded whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.utils import ProgrammingError
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from standardwebhooks.webhooks import Webhook

from accounts import events
from accounts.models import Notification, NotificationMail, WebhookDelivery, WebhookEvent
from accounts.rules import deliveries as rules
from accounts.services.webhooks import announce, endpoints, replaying, sending
from accounts.services.webhooks.catalogue import event_types
from config.kit.errors import Conflict
from tests.conftest import People
from tests.factories.webhooks import SECRET, announced, endpoint_of, reply

pytestmark = pytest.mark.django_db


def test_a_message_arrives_signed_and_is_recorded(
    organization: Any, endpoint: Any, receiver: Any, send: Any, fresh: Any
) -> None:
    """API-8: HMAC over the exact bytes with timestamp and id; the id is the event's."""
    delivery = announced(organization, "license.revoked")
    assert send(delivery)
    (message,) = receiver.messages
    told = Webhook(SECRET).verify(message.body, message.headers)
    assert told["type"] == "license.revoked"
    assert told["data"] == event_types()["license.revoked"].example
    assert message.headers["webhook-id"] == told["id"] == str(delivery.event_id)
    delivery = fresh(delivery)
    assert (delivery.status, delivery.attempts, delivery.response_status) == ("succeeded", 1, 204)
    assert delivery.next_attempt_at is None
    assert delivery.latency_ms is not None
    (attempt,) = delivery.log.all()
    assert (attempt.number, attempt.response_status, attempt.error_code) == (1, 204, "")
    assert SECRET not in str(attempt.request_headers)
    assert not send_again_is_possible(delivery)


def send_again_is_possible(delivery: WebhookDelivery) -> bool:
    return sending.deliver(delivery.pk, at=now() + timedelta(days=1))


def test_only_endpoints_that_ask_for_a_type_are_told(organization: Any, endpoint: Any) -> None:
    endpoint.event_types = ["license.*", "order.paid"]
    endpoint.save()
    example = event_types()["invoice.paid"].example
    assert announce(organization.pk, "invoice.paid", example) is None
    assert announced(organization, "license.suspended").endpoint_id == endpoint.pk
    assert announced(organization, "order.paid").endpoint_id == endpoint.pk
    assert not WebhookEvent.objects.filter(type="invoice.paid").exists()


def test_announcing_costs_one_query_when_nobody_listens(organization: Any) -> None:
    example = event_types()["license.issued"].example
    with CaptureQueriesContext(connection) as counted:
        assert announce(organization.pk, "license.issued", example) is None
    assert len([each for each in counted if "set_config" not in each["sql"]]) == 1


def test_a_payload_that_the_catalogue_does_not_know_is_a_fault_of_ours(organization: Any) -> None:
    with pytest.raises(ValueError, match="catalogue"):
        announce(organization.pk, "license.exploded", {})
    with pytest.raises(ValueError, match="fields"):
        announce(organization.pk, "license.issued", {"id": "1"})


def test_tries_follow_the_schedule_under_one_id_until_it_is_over(
    organization: Any, endpoint: Any, receiver: Any, send: Any, fresh: Any
) -> None:
    """API-8: retries with backoff and jitter; the id and the bytes never change."""
    receiver.answer = lambda handler: reply(handler, 500, b"broken")
    delivery = announced(organization)
    for number, wait in enumerate((*rules.WAITS, None), start=1):
        assert send(delivery)
        delivery = fresh(delivery)
        assert delivery.attempts == delivery.tries == number
        if wait is None:
            assert (delivery.status, delivery.error_code) == ("failed", "http_error")
        else:
            waits = delivery.next_attempt_at - delivery.log.get(number=number).finished_at
            assert wait <= waits <= wait * (1 + rules.JITTER)
    assert {message.headers["webhook-id"] for message in receiver.messages} == {
        str(delivery.event_id)
    }
    assert len({message.body for message in receiver.messages}) == 1
    assert delivery.log.first().response_body == "broken"
    assert fresh(endpoint).failure_streak == 10


def test_a_success_ends_the_streak(
    organization: Any, endpoint: Any, receiver: Any, send: Any, fresh: Any
) -> None:
    receiver.answer = lambda handler: reply(handler, 503)
    delivery = announced(organization)
    send(delivery)
    assert fresh(endpoint).failing_since is not None
    receiver.answer = lambda handler: reply(handler, 200)
    send(delivery)
    assert (fresh(endpoint).failing_since, fresh(endpoint).failure_streak) == (None, 0)
    assert fresh(delivery).status == "succeeded"


def test_410_disables_the_endpoint_and_tells_its_people(
    people: People, endpoint: Any, receiver: Any, send: Any, fresh: Any
) -> None:
    """API-8: auto-disable."""
    receiver.answer = lambda handler: reply(handler, 410)
    first, second = announced(people.organization), announced(people.organization)
    send(first)
    assert (fresh(endpoint).status, fresh(first).status) == ("auto_disabled", "failed")
    assert fresh(second).status == "abandoned"
    told = Notification.objects.get(kind="webhook_disabled")
    assert told.url == f"/webhooks/{endpoint.pk}/"
    # Bob may not manage webhooks: the mail is Alice's.
    assert [mail.user_id for mail in NotificationMail.objects.all()] == [people.alice.pk]


def test_a_message_announced_while_its_endpoint_was_switched_off_is_not_sent(
    organization: Any, endpoint: Any, receiver: Any, fresh: Any
) -> None:
    delivery = announced(organization)
    waiting = fresh(delivery)
    endpoints.disable_endpoint(endpoint)
    # What a transaction that had read the endpoint before commits after.
    waiting.save()
    assert not sending.deliver(delivery.pk, at=now())
    assert (fresh(delivery).status, fresh(delivery).attempts) == ("abandoned", 0)
    assert fresh(delivery).finished_at is not None
    assert not receiver.messages
    endpoints.enable_endpoint(endpoint)
    assert replaying.replay_failed(endpoint, since=now() - timedelta(hours=1)) == 1
    assert sending.deliver(delivery.pk, at=now())
    assert len(receiver.messages) == 1


def test_an_endpoint_that_fails_for_five_days_is_disabled(
    organization: Any, endpoint: Any, receiver: Any, send: Any, fresh: Any
) -> None:
    """API-8: auto-disable, not before both patience and tries are used up."""
    receiver.answer = lambda handler: reply(handler, 500)
    endpoint.failing_since, endpoint.failure_streak = now() - rules.PATIENCE, 8
    endpoint.save()
    delivery = announced(organization)
    send(delivery)
    assert fresh(endpoint).is_enabled, "nine tries are too few"
    send(delivery)
    assert fresh(endpoint).status == "auto_disabled"
    assert "5 days" in fresh(endpoint).disabled_reason
    endpoints.enable_endpoint(endpoint)
    assert (fresh(endpoint).failing_since, fresh(endpoint).failure_streak) == (None, 0)
    assert replaying.replay_failed(endpoint, since=now() - timedelta(hours=1)) == 1


def test_while_a_secret_is_replaced_both_sign(
    organization: Any, endpoint: Any, receiver: Any, send: Any, fresh: Any
) -> None:
    """API-8: secret rolled with an overlap of 24 hours."""
    made = endpoints.roll_secret(endpoint, at=now())
    send(announced(organization))
    message = receiver.messages[-1]
    assert len(message.headers["webhook-signature"].split(" ")) == 2
    for secret in (SECRET, made.secret):
        Webhook(secret).verify(message.body, message.headers)
    row = fresh(endpoint)
    assert row.secrets(row.former_secret_expires_at) == [made.secret]
    assert SECRET.encode() not in bytes(row.secret_sealed)


def test_a_message_that_went_astray_with_its_worker_is_sent_again(
    organization: Any, endpoint: Any, receiver: Any, fresh: Any
) -> None:
    delivery = announced(organization)
    at = now()
    claim = sending._claim(delivery.pk, at)  # The worker dies here.
    assert claim is not None
    assert not sending.deliver(delivery.pk, at=at + timedelta(seconds=1)), "it is leased"
    assert delivery.pk in sending.due(at=at + sending.LEASE)
    assert sending.deliver(delivery.pk, at=at + sending.LEASE)
    assert fresh(delivery).status == "succeeded"
    assert [each.finished_at is None for each in delivery.log.order_by("number")] == [True, False]


def test_an_endpoint_is_called_only_so_often_at_once(organization: Any, endpoint: Any) -> None:
    """A slow customer holds a few workers, never all, however many endpoints are slow."""
    endpoint.event_types = ["license.*"]
    endpoint.save()
    other = endpoint_of(organization, event_types=["order.*"])
    for _ in range(rules.AT_ONCE):
        announced(organization, "license.revoked")
    waiting = announced(organization, "order.paid")
    at = now()
    first = [key for key in sending.due(at=at) if key != waiting.pk]
    assert all(sending._claim(key, at) for key in first)
    assert sending.due(at=at) == [waiting.pk]
    assert sending._claim(waiting.pk, at) is None
    WebhookDelivery.objects.filter(pk=first[0]).update(lease_until=at)  # Its worker died.
    assert sending._claim(waiting.pk, at) is not None
    assert waiting.endpoint_id == other.pk


def test_one_customers_calls_are_not_anothers(people: People, endpoint: Any) -> None:
    theirs = people.other
    endpoint_of(theirs)
    for _ in range(rules.AT_ONCE):
        assert sending._claim(announced(people.organization).pk, now())
    assert sending._claim(announced(people.organization).pk, now()) is None
    assert sending._claim(announced(theirs).pk, now())


def test_a_long_line_of_one_customer_keeps_no_other_out_of_a_sweep(people: People) -> None:
    """However many endpoints it has, and though all it waits for is older."""
    for _ in range(4):
        endpoint_of(people.organization)
    endpoint_of(people.other)
    for _ in range(2):
        announce(people.organization.pk, "order.paid", event_types()["order.paid"].example)
    theirs = announced(people.other)
    swept = sending.due(at=now(), limit=2)
    oldest = WebhookDelivery.objects.order_by("next_attempt_at", "id").values_list("pk", flat=True)
    assert swept == [oldest[0], theirs.pk]
    assert len(sending.due(at=now())) == 9, "where there is room, all come"


def test_a_failing_endpoint_is_called_once_at_a_time(organization: Any, endpoint: Any) -> None:
    endpoint.failing_since = now()
    endpoint.save()
    other = endpoint_of(organization, event_types=["order.*"])
    first, second = announced(organization), announced(organization)
    assert sending._claim(first.pk, now())
    assert sending._claim(second.pk, now()) is None
    assert sending._claim(announced_for(organization, other), now())


def announced_for(organization: Any, endpoint: Any) -> Any:
    event = announce(organization.pk, "order.paid", event_types()["order.paid"].example)
    return event.deliveries.get(endpoint=endpoint).pk


def test_a_long_line_at_one_endpoint_holds_no_other_up(
    organization: Any, endpoint: Any, receiver: Any
) -> None:
    """Who ends a call nudges the endpoint that is not being called, though it came later."""
    endpoint.event_types = ["license.*"]
    endpoint.save()
    endpoint_of(organization, receiver.url, event_types=["order.*"])
    slow, ending, *_ = [announced(organization, "license.revoked") for _ in range(10)]
    quick = announced(organization, "order.paid")
    assert sending._claim(slow.pk, now())
    nudged: list[Any] = []

    def note(delivery_id: Any, **_: Any) -> None:
        nudged.append(delivery_id)

    events.webhook_due.connect(note)
    try:
        assert sending.deliver(ending.pk, at=now())
    finally:
        events.webhook_due.disconnect(note)
    assert nudged == [quick.pk]


def test_each_call_nudges_the_next_until_nothing_waits(
    organization: Any, endpoint: Any, receiver: Any
) -> None:
    """Without the sweeper, and with no task more than there are messages."""
    endpoint_of(organization, receiver.url)
    for _ in range(6):
        announce(organization.pk, "order.paid", event_types()["order.paid"].example)
    tasks: list[Any] = [sending.due(at=now())[0]]

    def note(delivery_id: Any, **_: Any) -> None:
        tasks.append(delivery_id)

    events.webhook_due.connect(note)
    try:
        assert all(sending.deliver(key, at=now()) for key in tasks)
    finally:
        events.webhook_due.disconnect(note)
    assert len(set(tasks)) == len(tasks) == len(receiver.messages) == 12


def test_ids_sort_in_the_order_of_announcement(organization: Any, endpoint: Any) -> None:
    told = [announced(organization).event_id for _ in range(50)]
    assert told == sorted(told)


def test_an_event_cannot_be_changed(organization: Any, endpoint: Any) -> None:
    delivery = announced(organization)
    with pytest.raises(ProgrammingError, match="written once"):
        WebhookEvent.objects.filter(pk=delivery.event_id).update(type="other")


def test_what_is_older_than_thirty_days_is_forgotten(organization: Any, endpoint: Any) -> None:
    old, young = announced(organization), announced(organization)
    at = young.event.created_at + rules.KEPT
    assert replaying.forget_old(at=at) == 1
    assert list(WebhookDelivery.objects.values_list("pk", flat=True)) == [young.pk]
    assert not WebhookEvent.objects.filter(pk=old.event_id).exists()


def test_replaying_sends_the_same_message_again(
    organization: Any, endpoint: Any, receiver: Any, send: Any, fresh: Any
) -> None:
    delivery = announced(organization)
    send(delivery)
    replaying.replay(delivery)
    assert (fresh(delivery).status, fresh(delivery).tries) == ("pending", 0)
    assert send(fresh(delivery))
    assert fresh(delivery).attempts == 2
    assert receiver.messages[0].body == receiver.messages[1].body
    endpoints.disable_endpoint(endpoint)
    with pytest.raises(Conflict):
        replaying.replay(delivery)
    with pytest.raises(Conflict):
        replaying.send_test(endpoint)


def test_a_try_that_fails_after_a_replay_does_not_put_the_replay_off(
    organization: Any, endpoint: Any, receiver: Any, fresh: Any
) -> None:
    """It was under way while the endpoint was switched off, on, and the message sent again."""
    delivery = announced(organization)
    receiver.answer = lambda handler: reply(handler, 500)
    claim = sending._claim(delivery.pk, now())
    endpoints.disable_endpoint(endpoint)
    endpoints.enable_endpoint(endpoint)
    replaying.replay(fresh(delivery))
    sending._record(claim, sending._call(claim), at=now())
    row = fresh(delivery)
    assert (row.status, row.tries) == ("pending", 0)
    assert row.next_attempt_at <= now()
    assert row.log.get(number=1).response_status == 500
    receiver.answer = lambda handler: reply(handler, 204)
    assert sending.deliver(delivery.pk, at=now())
    assert fresh(delivery).status == "succeeded"
