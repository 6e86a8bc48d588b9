"""The schedule of tries, the patience with endpoints, the signature."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from accounts.rules import deliveries, signing

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def test_ten_tries_take_about_three_days() -> None:
    waits = [deliveries.wait_after(tries, 0.0) for tries in range(1, 11)]
    assert waits[-1] is None
    assert waits[:-1] == list(deliveries.WAITS)
    assert timedelta(days=3) < sum(deliveries.WAITS, timedelta()) < timedelta(days=4)


def test_jitter_only_lengthens() -> None:
    assert deliveries.wait_after(1, 0.999) < deliveries.WAITS[0] * (1 + deliveries.JITTER)
    assert deliveries.wait_after(1, 0.5) > deliveries.WAITS[0]


@pytest.mark.parametrize(
    ("days", "streak", "given_up"), [(5, 10, True), (5, 9, False), (4, 400, False)]
)
def test_an_endpoint_is_given_up_after_patience_and_tries(
    days: int, streak: int, given_up: bool
) -> None:
    since = AT - timedelta(days=days)
    assert deliveries.is_given_up(since, streak, AT) is given_up
    assert not deliveries.is_given_up(None, streak, AT)


def test_a_failing_endpoint_is_called_one_at_a_time() -> None:
    assert deliveries.at_once(None) > deliveries.at_once(AT) == 1


def test_the_signature_is_what_standard_webhooks_expects() -> None:
    at = datetime.now(UTC)
    first, second = signing.make_secret(), signing.make_secret()
    headers = signing.headers_of("evt", at=at, body=b'{"a":1}', keys=[first, second])
    for secret in (first, second):
        assert Webhook(secret).verify(b'{"a":1}', headers) == {"a": 1}
    with pytest.raises(WebhookVerificationError):
        Webhook(first).verify(b'{"a":2}', headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.make_secret()).verify(b'{"a":1}', headers)
