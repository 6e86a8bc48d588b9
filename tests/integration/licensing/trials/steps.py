"""What becomes of a trial, step by step: started, provided, bought, over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.timezone import now

from accounts.models import ApiKey
from billing import events as billing_events
from billing.models import Product, Subscription
from licensing import tasks
from licensing.models import License, TrialWorkspace
from licensing.services import trials
from tests.conftest import People
from tests.factories.licensing import subscription_of, trial_product


def started(people: People, product: Product | None = None, **facts: Any) -> Any:
    wish = {"name": "Northwind tries", "by": people.alice, "at": now()} | facts
    trial, _ = trials.start_trial(people.organization, product=product or trial_product(), **wish)
    return trial


def provided(trial: TrialWorkspace) -> TrialWorkspace:
    """Let the worker give the trial its license."""
    tasks.settle_trial(str(trial.pk))
    trial.refresh_from_db()
    return trial


def bought(people: People, trial: TrialWorkspace) -> Subscription:
    price = trial.product.prices.get()
    subscription = subscription_of(people.organization, price=price, quantity=2)
    billing_events.subscription_activated.send(Subscription, subscription=subscription)
    trial.refresh_from_db()
    return subscription


def end(trial: TrialWorkspace, at: datetime) -> None:
    """Move the end of a trial, its keys and its license, without a service: time has passed."""
    began = at - timedelta(days=20)
    TrialWorkspace.objects.filter(pk=trial.pk).update(expires_at=at, created_at=began)
    ApiKey.objects.filter(trial_key__workspace=trial).update(expires_at=at, created_at=began)
    License.objects.filter(trial=trial).update(expires_at=at, starts_at=began)
    trial.refresh_from_db()
