"""What happens next: a paid subscription gets its license, an ended one loses it."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils.timezone import now

from billing.events import subscription_activated, subscription_ended
from billing.models import Subscription
from licensing.services import licenses


@receiver(subscription_activated)
def _subscription_activated(subscription: Subscription, **_: Any) -> None:
    licenses.issue_license(subscription, at=subscription.current_period_start)


@receiver(subscription_ended)
def _subscription_ended(subscription: Subscription, **_: Any) -> None:
    licenses.end_license(subscription, at=subscription.ended_at or now())
