"""The keys of a trial, also those that took another's place: they go with it, never beyond it."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils.timezone import now

from accounts.models import ApiKey
from accounts.services import keys
from billing.services.api_plans import renew_allowances
from config.kit import context
from licensing.models import TrialApiKey, TrialWorkspace
from licensing.rules.trials import TrialOver
from licensing.services import trials
from tests.conftest import People, WalledClient, make_people
from tests.factories.licensing import subscription_of, trial_product
from tests.integration.licensing.trials.steps import bought, end, started
from tests.waiting import until_blocked

JSON = {"content_type": "application/json"}


def key_of(trial: TrialWorkspace) -> ApiKey:
    return ApiKey.objects.filter(trial_key__workspace=trial).latest("created_at")


def rotated(alice: WalledClient, trial: TrialWorkspace) -> ApiKey:
    """Let Alice rotate the trial's key; return the new one."""
    answer = alice.post(f"/api/v1/keys/{key_of(trial).pk}/rotate", {}, **JSON)
    assert answer.status_code == 201, answer.content
    return ApiKey.objects.get(pk=answer.json()["id"])


def test_a_purchase_keeps_the_key_that_took_the_place_of_another(
    people: People, alice: WalledClient
) -> None:
    trial = started(people)
    new = rotated(alice, trial)
    assert new.expires_at == trial.expires_at
    bought(people, trial)
    new.refresh_from_db()
    assert new.expires_at is None


def test_more_time_is_also_for_the_key_that_took_the_place_of_another(
    people: People, alice: WalledClient
) -> None:
    trial = started(people)
    new = rotated(alice, trial)
    trials.extend_trial(trial, days=7, reason="Asked kindly", at=now())
    trial.refresh_from_db()
    new.refresh_from_db()
    assert new.expires_at == trial.expires_at


def test_cancelling_also_revokes_the_key_that_took_the_place_of_another(
    people: People, alice: WalledClient
) -> None:
    trial = started(people)
    new = rotated(alice, trial)
    trials.cancel_trial(trial, at=now())
    new.refresh_from_db()
    assert new.is_revoked


def test_the_successor_of_any_other_key_is_of_no_trial(people: People) -> None:
    started(people)
    key, _ = keys.issue_key(people.organization, name="CI", by=people.alice)
    keys.rotate_key(key, by=people.alice)
    assert TrialApiKey.objects.count() == 1


@pytest.mark.parametrize("days", [None, 400])
def test_a_key_does_not_outlive_its_trial(
    people: People, alice: WalledClient, days: int | None
) -> None:
    trial = started(people)
    later = None if days is None else (now() + timedelta(days=days)).isoformat()
    answer = alice.patch(f"/api/v1/keys/{key_of(trial).pk}", {"expires_at": later}, **JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/expires_at"
    assert key_of(trial).expires_at == trial.expires_at


def test_a_key_of_a_trial_that_has_ended_is_not_woken(people: People, alice: WalledClient) -> None:
    trial = started(people)
    end(trial, now() - timedelta(seconds=1))
    trials.sweep(now())
    path = f"/api/v1/keys/{key_of(trial).pk}"
    assert alice.patch(path, {"expires_at": None}, **JSON).status_code == 422
    assert key_of(trial).state(now()) == "expired"


def test_a_key_may_end_before_its_trial_and_be_renamed(people: People, alice: WalledClient) -> None:
    trial = started(people)
    sooner = now() + timedelta(days=1)
    path = f"/api/v1/keys/{key_of(trial).pk}"
    body = {"expires_at": sooner.isoformat(), "name": "For a day"}
    assert alice.patch(path, body, **JSON).status_code == 200
    assert key_of(trial).expires_at == sooner


def test_what_was_bought_has_keys_like_any_other(people: People) -> None:
    trial = started(people)
    bought(people, trial)
    later = now() + timedelta(days=400)
    keys.update_key(key_of(trial), {"expires_at": later}, by=people.alice)
    keys.update_key(key_of(trial), {"expires_at": None}, by=people.alice)
    assert key_of(trial).expires_at is None


def test_a_key_that_its_owner_lets_end_sooner_keeps_that_end(people: People) -> None:
    trial = started(people)
    sooner, other = now() + timedelta(days=1), key_of(trial)
    own, _ = trials.add_key(trial, name="For a day", by=people.alice, at=now())
    keys.update_key(own.api_key, {"expires_at": sooner}, by=people.alice)
    trials.extend_trial(trial, days=7, reason="Asked kindly", at=now())
    assert _ends(trial) == {own.api_key_id: sooner, other.pk: trial_end(trial)}
    bought(people, trial)
    assert _ends(trial) == {own.api_key_id: sooner, other.pk: None}


def trial_end(trial: TrialWorkspace) -> datetime:
    trial.refresh_from_db()
    return trial.expires_at


def _ends(trial: TrialWorkspace) -> dict[Any, datetime | None]:
    return dict(ApiKey.objects.filter(trial_key__workspace=trial).values_list("pk", "expires_at"))


def test_the_page_of_a_key_says_that_it_ends_with_the_trial(
    people: People, alice: WalledClient
) -> None:
    trial = started(people)
    form = {"name": "Lab", "tier": "free", "expires_on": ""}
    answer = alice.post(f"/api-keys/{key_of(trial).pk}/edit/", form)
    assert answer.status_code == 422
    assert "ends with the trial" in answer.content.decode()


@pytest.mark.usefixtures("live_database")
@pytest.mark.parametrize("what", ["converted", "cancelled"])
def test_a_key_that_is_just_being_rotated_brings_its_successor(what: str) -> None:
    people = make_people()
    trial = started(people, trial_product(kind="api"))
    subscription = subscription_of(people.organization, price=trial.product.prices.get())
    work: Any = {
        "converted": lambda: trials.convert_trial(subscription, at=now()),
        "cancelled": lambda: trials.cancel_trial(trial, at=now()),
    }[what]
    with ThreadPoolExecutor(1) as pool:
        with context.acting(organization_id=people.organization.pk), transaction.atomic():
            new, _ = keys.rotate_key(key_of(trial), by=people.alice)
            waiting: Future[Any] = until_blocked(pool, work)
        waiting.result(30)
    new.refresh_from_db()
    assert new.is_revoked if what == "cancelled" else new.expires_at is None
    connection.close()


@pytest.mark.usefixtures("live_database")
@pytest.mark.parametrize("what", ["cancelled", "extended"])
def test_a_trial_that_is_just_being_bought_is_waited_for(what: str) -> None:
    """Buying an API changes all keys of the organization before its trial is turned."""
    people = make_people()
    trial = started(people, trial_product(kind="api"))
    subscription = subscription_of(people.organization, price=trial.product.prices.get())
    work: Any = {
        "cancelled": lambda: trials.cancel_trial(trial, at=now()),
        "extended": lambda: trials.extend_trial(trial, days=7, reason="Asked kindly", at=now()),
    }[what]
    with ThreadPoolExecutor(1) as pool:
        with context.acting(organization_id=people.organization.pk), transaction.atomic():
            renew_allowances(subscription, at=now())
            waiting: Future[Any] = until_blocked(pool, work)
            trials.convert_trial(subscription, at=now())
        with pytest.raises(TrialOver):
            waiting.result(30)
    key = key_of(trial)
    assert (key.is_revoked, key.expires_at) == (False, None)
    connection.close()
