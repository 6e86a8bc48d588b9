"""M16: a product for some days; what was set up stays when it is bought; it ends on time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from django.db import connection, connections, transaction
from django.db.utils import IntegrityError, ProgrammingError
from django.utils.timezone import now

from accounts.models import ApiKey, AuditLog, Notification, Organization, WebhookEvent
from accounts.services.users import create_user
from billing.models import Product
from config.kit import context
from licensing import events
from licensing.models import License, TrialWorkspace
from licensing.rules.transitions import SuspendedReason
from licensing.rules.trials import (
    MOST_KEYS,
    SlugTaken,
    TooManyTrialKeys,
    TrialNotOffered,
    TrialOver,
    TrialUsed,
)
from licensing.services import announcements, closing, trials
from licensing.services.devices import Description, activate_device
from licensing.services.licenses import reinstate_license, revoke_license, suspend_license
from tests.conftest import People, WalledClient, behind_the_wall, make_people
from tests.factories.billing import PriceFactory
from tests.factories.licensing import subscription_of, trial_product
from tests.factories.pages import polled
from tests.factories.webhooks import endpoint_of
from tests.integration.licensing.trials.steps import bought, end, provided, started
from tests.waiting import until_blocked


def test_a_trial_has_a_workspace_a_key_and_a_license_that_end_together(people: People) -> None:
    trial = provided(started(people))
    key = ApiKey.objects.get(trial_key__workspace=trial)
    assert trial.state(now()) == "active"
    assert trial.expires_at == key.expires_at == trial.license.expires_at
    assert (trial.expires_at - trial.created_at).days in (13, 14)
    assert trial.license.subscription is None
    assert trial.license.max_devices == 5
    assert AuditLog.objects.filter(action="trial.started", entity_id=str(trial.pk)).exists()


def test_an_api_product_is_tried_without_a_license(people: People) -> None:
    trial = provided(started(people, trial_product(kind="api")))
    assert trial.license is None
    assert ApiKey.objects.filter(trial_key__workspace=trial).count() == 1


def test_there_is_one_trial_for_each_product_and_the_refusal_names_it(people: People) -> None:
    product = trial_product()
    trial = started(people, product)
    with pytest.raises(TrialUsed) as refused:
        started(people, product)
    assert refused.value.data == {"trial": {"id": str(trial.pk), "status": "active"}}
    assert started(people, trial_product(kind="api")).pk


def test_a_colleague_with_another_organization_does_not_try_again(people: People) -> None:
    product = trial_product()
    started(people, product)
    with context.acting(organization_id=people.other.pk), pytest.raises(TrialUsed) as refused:
        trials.start_trial(people.other, product=product, name="Again", by=people.charlie, at=now())
    assert "trial" not in refused.value.data, "whose trial it was is nobody else's business"


def test_a_short_name_is_unique_over_all_customers(people: People) -> None:
    started(people, slug="northwind-lab")
    with pytest.raises(SlugTaken):
        started(people, trial_product(kind="api"), slug="northwind-lab")


def test_a_program_tries_for_the_owners_company(people: People) -> None:
    product = trial_product()
    trial = started(people, product, by=None)
    assert trial.mail_domain == "example.com"
    with context.acting(organization_id=people.other.pk), pytest.raises(TrialUsed):
        trials.start_trial(people.other, product=product, name="Again", by=None, at=now())


def test_staff_give_a_second_organization_of_a_company_a_trial(people: People) -> None:
    product, staff = trial_product(), create_user("ada@example.com", role="support")
    started(people, product)
    with context.acting(organization_id=people.other.pk):
        trials.start_trial(people.other, product=product, name="Again", by=staff, at=now())
    assert TrialWorkspace.objects.filter(product=product).count() == 2


@pytest.mark.parametrize(
    "grants",
    [
        {},
        {"trial": False},
        {"trial": {"tiers": []}},
        {"trial": {"tiers": ["gold"]}},
        {"trial": {"tiers": [{}]}},
        {"trial": {"tiers": "standard"}},
        {"trial": {"days": "x"}},
        {"trial": {"days": None}},
        {"trial": {"days": True}},
        {"trial": {"days": 0}},
    ],
)
def test_a_product_without_a_trial_cannot_be_tried(people: People, grants: Any) -> None:
    product = PriceFactory.create(product__grants=grants).product
    with pytest.raises(TrialNotOffered):
        started(people, product)


def test_a_trial_has_so_many_keys_and_no_more(people: People) -> None:
    trial = started(people)
    for number in range(MOST_KEYS - 1):
        trials.add_key(trial, name=f"Key {number}", by=people.alice, at=now())
    with pytest.raises(TooManyTrialKeys):
        trials.add_key(trial, name="One too many", by=people.alice, at=now())


def test_conversion_keeps_license_key_devices_and_api_keys(people: People) -> None:
    trial = provided(started(people))
    before = trial.license
    device = activate_device(before, device=Description("desk-1", "Desk"), at=now())
    subscription = bought(people, trial)
    after = License.objects.get()
    assert (trial.status, trial.subscription) == ("converted", subscription)
    assert (after.pk, after.key, after.subscription) == (before.pk, before.key, subscription)
    assert (after.expires_at, after.max_devices) == (None, 10)
    assert list(after.devices.active().values_list("pk", flat=True)) == [device.device.pk]
    assert ApiKey.objects.get(trial_key__workspace=trial).expires_at is None


def test_who_pays_a_day_late_keeps_what_they_had(people: People) -> None:
    trial = provided(started(people))
    end(trial, now() - timedelta(days=1))
    trials.sweep(now())
    trial.license.refresh_from_db()
    assert trial.license.status == "expired"
    bought(people, trial)
    license = License.objects.get()
    assert (license.status, license.state(now())) == ("active", "active")
    assert ApiKey.objects.get(trial_key__workspace=trial).state(now()) == "active"


def test_who_pays_gets_a_license_when_that_of_the_trial_was_revoked(people: People) -> None:
    trial = provided(started(people))
    revoke_license(trial.license)
    subscription = bought(people, trial)
    assert trial.status == "converted"
    license = License.objects.get(subscription=subscription)
    assert license.pk != trial.license_id
    assert (license.state(now()), license.max_devices) == ("active", 10)
    trial.license.refresh_from_db()
    assert (trial.license.status, trial.license.subscription) == ("revoked", None)


def test_a_purchase_does_not_release_a_suspended_license(people: People) -> None:
    trial = provided(started(people))
    suspend_license(trial.license, reason=SuspendedReason.ABUSE)
    subscription = bought(people, trial)
    license = License.objects.get()
    assert (license.status, license.subscription) == ("suspended", subscription)
    reinstate_license(license)
    assert License.objects.get().state(now()) == "active"


def test_after_thirty_days_a_purchase_begins_anew(people: People) -> None:
    trial = provided(started(people))
    end(trial, now() - timedelta(days=31))
    trials.sweep(now())
    bought(people, trial)
    assert trial.status == "expired"
    assert License.objects.count() == 2


def test_an_end_is_exact_before_any_worker_has_seen_it(people: People) -> None:
    trial = provided(started(people))
    end(trial, now() - timedelta(seconds=1))
    key = ApiKey.objects.get(trial_key__workspace=trial)
    assert (trial.state(now()), key.state(now())) == ("expired", "expired")
    assert trial.license.state(now()) == "expired"
    with pytest.raises(TrialOver):
        trials.add_key(trial, name="Late", by=people.alice, at=now())


def test_the_sweeper_writes_the_end_down_once(people: People) -> None:
    trial = provided(started(people))
    end(trial, now() - timedelta(seconds=1))
    assert trials.sweep(now()) == 1
    assert trials.sweep(now()) == 0
    trial.refresh_from_db()
    assert trial.status == "expired"
    assert AuditLog.objects.filter(action="trial.expired").count() == 1


@pytest.mark.parametrize("max_devices", [0, "many"])
def test_what_one_product_cannot_give_holds_up_no_other_trial(
    people: People, max_devices: Any
) -> None:
    good = started(people)
    grants = {"trial": {}, "max_devices": max_devices}
    started(people, PriceFactory.create(product__grants=grants).product)
    over = started(people, trial_product(kind="api"))
    end(over, now() - timedelta(seconds=1))
    assert trials.sweep(now()) == 2
    good.refresh_from_db()
    over.refresh_from_db()
    assert good.license is not None
    assert over.status == "expired"


def test_a_worker_whose_time_is_over_stops_sweeping(people: People) -> None:
    """It is killed a moment later, with whatever it was doing then."""

    def stop(**_: Any) -> None:
        raise SoftTimeLimitExceeded

    end(started(people, trial_product(kind="api")), now() - timedelta(seconds=1))
    events.trial_ended.connect(stop)
    try:
        with pytest.raises(SoftTimeLimitExceeded):
            trials.sweep(now())
    finally:
        events.trial_ended.disconnect(stop)


def test_more_trials_that_fail_than_a_batch_holds_are_passed(people: People) -> None:
    """Some were started before the good one and some after it, whichever come first."""
    grants = {"trial": {}, "max_devices": "many"}
    broken = PriceFactory.create(product__grants=grants).product
    _start_many(broken)
    good = started(people)
    _start_many(broken)
    assert trials.sweep(now()) == 1
    good.refresh_from_db()
    assert good.license is not None


def _start_many(product: Product) -> None:
    """Start a trial for each of more organizations than the sweeper takes at a time."""
    organizations = Organization.objects.bulk_create(
        Organization(name=f"Company {number}") for number in range(trials.BATCH + 1)
    )
    ends = now() + timedelta(days=9)
    TrialWorkspace.objects.bulk_create(
        TrialWorkspace(
            organization=each, product=product, name="Tried", slug=str(each.pk), expires_at=ends
        )
        for each in organizations
    )


def test_staff_give_more_time_also_to_what_has_ended(people: People) -> None:
    trial = provided(started(people))
    end(trial, now() - timedelta(days=2))
    trials.sweep(now())
    trials.extend_trial(trial, days=7, reason="Asked kindly", at=now())
    trial.refresh_from_db()
    trial.license.refresh_from_db()
    key = ApiKey.objects.get(trial_key__workspace=trial)
    assert trial.status == "active"
    assert timedelta(days=6) < trial.expires_at - now() <= timedelta(days=7)
    assert (trial.license.expires_at, trial.license.status) == (trial.expires_at, "active")
    assert (key.expires_at, key.state(now())) == (trial.expires_at, "active")


def test_cancelling_revokes_the_keys_at_once_and_then_ends_the_license(people: People) -> None:
    trial = provided(started(people))
    trials.cancel_trial(trial, at=now())
    trials.cancel_trial(trial, at=now())
    assert ApiKey.objects.get(trial_key__workspace=trial).is_revoked
    provided(trial)
    assert trial.license.status == "expired"
    with pytest.raises(TrialOver):
        trials.extend_trial(trial, days=7, reason="No", at=now())


def test_the_database_refuses_what_must_never_be(people: People) -> None:
    trial = started(people)
    for facts in (
        {"status": "converted"},
        {"status": "paused"},
        {"slug": "No Good"},
        {"expires_at": trial.created_at},
        {"tier": "gold"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            TrialWorkspace.objects.filter(pk=trial.pk).update(**facts)


def test_the_web_process_cannot_prolong_a_trial(people: People) -> None:
    trial = started(people)
    acting = context.acting(organization_id=people.organization.pk)
    refused = pytest.raises(ProgrammingError, match="permission denied")
    with behind_the_wall(), acting, refused, transaction.atomic():
        TrialWorkspace.objects.filter(pk=trial.pk).update(expires_at=now() + timedelta(days=99))


# Races, with real threads and commits


def _race(*works: Any) -> list[Any]:
    barrier, outcomes = Barrier(len(works)), [None] * len(works)

    def run(index: int, work: Any) -> None:
        barrier.wait()
        try:
            outcomes[index] = work()
        except Exception as error:
            outcomes[index] = error
        finally:
            connection.close()

    threads = [Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.usefixtures("live_database")
def test_of_eight_that_start_a_trial_at_once_one_does() -> None:
    people = make_people()
    product = trial_product()
    outcomes = _race(*[lambda: started(people, product) for _ in range(8)])
    assert sum(isinstance(outcome, TrialWorkspace) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, TrialUsed) for outcome in outcomes) == 7
    assert ApiKey.objects.count() == 1
    connections.close_all()


@pytest.mark.usefixtures("live_database")
def test_a_purchase_at_the_moment_of_the_end_converts_whoever_is_first() -> None:
    people = make_people()
    for _ in range(5):
        trial = provided(started(people, trial_product()))
        subscription = subscription_of(people.organization, price=trial.product.prices.get())
        end(trial, now())
        outcomes = _race(
            lambda trial=trial: trials.expire_trial(trial, at=now()),
            lambda subscription=subscription: trials.convert_trial(subscription, at=now()),
        )
        trial.refresh_from_db()
        trial.license.refresh_from_db()
        assert outcomes[0] in (True, False), outcomes
        assert trial.status == "converted"
        assert (trial.license.status, trial.license.subscription) == ("active", subscription)
        assert License.objects.filter(product=trial.product).count() == 1
        TrialWorkspace.objects.update(mail_domain="")
    connections.close_all()


@pytest.mark.usefixtures("live_database")
def test_an_organization_that_is_just_being_closed_is_waited_for() -> None:
    """A license is made for the organization, which closing holds before it ends the trial."""
    people = make_people()
    trial = started(people)
    with ThreadPoolExecutor(1) as pool:
        with context.acting(organization_id=people.organization.pk), transaction.atomic():
            organization = Organization.objects.select_for_update().get(pk=people.organization.pk)
            waiting = until_blocked(pool, lambda: trials.provide_license(trial))
            closing.end_trials(organization, at=now())
        waiting.result(30)
    trial.refresh_from_db()
    assert (trial.status, trial.license) == ("cancelled", None)
    connections.close_all()


# Pages and API


def test_a_person_starts_a_trial_and_sees_its_key_once(
    people: People, alice: WalledClient, django_capture_on_commit_callbacks: Any
) -> None:
    product = trial_product()
    assert product.name in alice.get("/trials/").content.decode()
    answer = alice.post(f"/trials/start/{product.slug}/", {"name": "Lab"})
    assert answer.status_code == 200
    assert "sw_live_" in answer.content.decode()
    trial = TrialWorkspace.objects.get()
    page = alice.get(f"/trials/{trial.pk}/").content.decode()
    assert "Being made" in page
    assert "left" in page
    again = alice.post(f"/trials/start/{product.slug}/", {"name": "Lab"})
    assert again.status_code == 422


def test_the_page_of_a_trial_waits_for_its_license(people: People, alice: WalledClient) -> None:
    """Ten minutes long: what does not come by then is asked for no more."""
    trial = started(people)
    path, scripted = f"/trials/{trial.pk}/", {"HX-Request": "true"}
    asks = polled(alice, path, "trial-details")
    assert alice.get(asks, headers=scripted).status_code == 204
    TrialWorkspace.objects.update(created_at=now() - timedelta(minutes=11))
    late = alice.get(path).content.decode()
    assert "Being made; look again later" in late
    assert 'hx-trigger="every' not in late
    provided(trial)
    part = alice.get(asks, headers=scripted).content.decode()
    assert f"/licenses/{trial.license_id}/" in part
    assert "<!DOCTYPE" not in part
    assert 'hx-trigger="every' not in part


def test_the_list_of_offers_leaves_out_what_cannot_be_read(alice: WalledClient) -> None:
    good, bad = trial_product(), trial_product(days="x")
    Product.objects.filter(pk=good.pk).update(name="Relay Good")
    Product.objects.filter(pk=bad.pk).update(name="Relay Bad")
    page = alice.get("/trials/").content.decode()
    assert "Relay Good" in page
    assert "Relay Bad" not in page
    assert alice.get(f"/trials/start/{bad.slug}/").status_code == 409


def test_a_refusal_stands_at_the_field_it_is_about(alice: WalledClient) -> None:
    product = trial_product()
    answer = alice.post(f"/trials/start/{product.slug}/", {"name": "Lab", "slug": "Ab"})
    assert answer.status_code == 422
    assert answer.context["form"].errors["slug"] == [
        "Use 3 to 63 small letters, digits and inner dashes."
    ]
    taken = {"name": "Lab", "slug": "the-lab"}
    alice.post(f"/trials/start/{product.slug}/", taken)
    answer = alice.post(f"/trials/start/{trial_product(kind='api').slug}/", taken)
    assert answer.context["form"].non_field_errors() == [SlugTaken.message]


def test_only_who_may_starts_adds_and_cancels(people: People, bob: WalledClient) -> None:
    trial = started(people)
    assert bob.get(f"/trials/{trial.pk}/").status_code == 200
    for path in (f"start/{trial.product.slug}/", f"{trial.pk}/keys/", f"{trial.pk}/cancel/"):
        assert bob.post(f"/trials/{path}", {"name": "x"}).status_code == 403
    for path in ("", f"/{trial.pk}/keys", f"/{trial.pk}/cancel", f"/{trial.pk}/convert"):
        answer = bob.post(f"/api/v1/trials{path}", {}, content_type="application/json")
        assert answer.status_code == 403


def test_a_strangers_trial_looks_unknown(people: People, charlie: WalledClient) -> None:
    trial = started(people)
    for path in (
        f"/trials/{trial.pk}/",
        f"/trials/{trial.pk}/cancel/",
        f"/api/v1/trials/{trial.pk}",
    ):
        assert charlie.get(path).status_code == 404
    assert charlie.get("/api/v1/trials").json()["results"] == []


def test_the_api_starts_lists_and_cancels(people: People, alice: WalledClient) -> None:
    product = trial_product(kind="api", tiers=["standard", "enterprise"])
    body = {"product": product.slug, "name": "Lab", "tier": "enterprise", "slug": "the-lab"}
    answer = alice.post("/api/v1/trials", body, content_type="application/json")
    assert answer.status_code == 201
    made = answer.json()
    assert made["key"].startswith("sw_live_")
    assert (made["status"], made["tier"], made["slug"]) == ("active", "enterprise", "the-lab")
    again = alice.post("/api/v1/trials", body, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "trial_already_used")
    assert again.json()["data"]["trial"] == {"id": made["id"], "status": "active"}
    listed = alice.get("/api/v1/trials").json()["results"]
    assert [trial["id"] for trial in listed] == [made["id"]]
    assert "key" not in listed[0]
    cancelled = alice.post(f"/api/v1/trials/{made['id']}/cancel")
    assert cancelled.json()["status"] == "cancelled"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"product": "x", "name": ""},
        {"product": "x", "name": "y", "slug": "NO"},
        {"product": "x", "name": "y", "tier": "gold"},
        {"product": "x", "name": "y", "days": 900},
    ],
)
def test_bad_input_is_refused(alice: WalledClient, body: Any) -> None:
    answer = alice.post("/api/v1/trials", body, content_type="application/json")
    assert answer.status_code == 422


def test_an_unknown_product_is_not_found(alice: WalledClient) -> None:
    body = {"product": "nothing", "name": "Lab"}
    answer = alice.post("/api/v1/trials", body, content_type="application/json")
    assert answer.status_code == 404


def test_the_list_of_trials_costs_a_fixed_number_of_queries(
    people: People, alice: WalledClient, django_assert_max_num_queries: Any
) -> None:
    for _ in range(4):
        started(people, trial_product(kind="api"))
        TrialWorkspace.objects.update(mail_domain="")
    alice.get("/trials/")
    with django_assert_max_num_queries(9):
        alice.get("/trials/")


def test_webhooks_and_people_are_told_what_becomes_of_a_trial(
    people: People, django_assert_num_queries: Any
) -> None:
    endpoint_of(people.organization, event_types=["trial.*"])
    trial = provided(started(people, trial_product(kind="api", days=2)))
    assert announcements.tell_trials_ending(at=now()) == 1
    with django_assert_num_queries(1):
        assert announcements.tell_trials_ending(at=now()) == 0
    end(trial, now() - timedelta(seconds=1))
    trials.sweep(now())
    bought(people, trial)
    told = list(WebhookEvent.objects.order_by("id").values_list("type", "payload__status"))
    assert told == [
        ("trial.started", "active"),
        ("trial.expired", "expired"),
        ("trial.converted", "converted"),
    ]
    titles = set(Notification.objects.values_list("title", flat=True))
    assert f"The trial of {trial.product.name} has ended" in titles
    assert len([title for title in titles if title.startswith("The trial of")]) == 2


def test_a_trials_license_is_not_announced_as_expiring(people: People) -> None:
    provided(started(people))
    assert announcements.tell_expiring(at=now()) == 0


def test_a_repeated_start_answers_alike_without_the_key(alice: WalledClient) -> None:
    body = {"product": trial_product(kind="api").slug, "name": "Lab"}
    headers = {"Idempotency-Key": "start-1"}
    first, again = (
        alice.post("/api/v1/trials", body, content_type="application/json", headers=headers)
        for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["key"].startswith("sw_live_")
    assert again.json() == {**first.json(), "key": None}
    assert TrialWorkspace.objects.count() == 1
