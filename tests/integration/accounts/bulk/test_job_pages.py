"""Many at once from a list: the question, the job's page, and trying again what failed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils.timezone import now

from accounts import tasks
from accounts.models import ApiKey, AuditLog, BulkJob, Membership, WebhookDelivery
from accounts.services import keys
from accounts.services.bulk import run_job
from accounts.services.bulk.starting import MOST, MOST_UNDER_WAY
from accounts.web.jobs.asking import AT_ONCE
from config.kit import context
from tests.conftest import People, WalledClient, make_people
from tests.factories.bulk import TOUCH, job_of, plain_keys
from tests.factories.pages import polled
from tests.factories.webhooks import endpoint_of, many_deliveries

REVOKE = "/api-keys/revoke/"
SCRIPTED = {"HX-Request": "true"}
ALL = {"all": "1", "q": "", "status": "", "sort": "name"}


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def fields_of(answer: Any) -> dict[str, list[str]]:
    """Return the hidden fields of the page that asks, as a browser sends them back."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text(answer)):
        if name != "csrfmiddlewaretoken":
            found.setdefault(name, []).append(value)
    return found


def asked(client: WalledClient, path: str, **wanted: Any) -> dict[str, list[str]]:
    answer = client.post(path, wanted or ALL)
    assert answer.status_code == 200, answer.content
    return fields_of(answer)


def test_250_keys_are_revoked_through_the_pages(live_database: None) -> None:
    """The question says how many, which and what happens; the task does it; the page tells."""
    people = make_people()
    alice = people.client(people.alice)
    plain_keys(people.organization, 250)
    page = alice.post(REVOKE, ALL)
    said = text(page)
    assert "Revoke 250 API keys?" in said
    for words in ("refused once it is revoked", "K00000 ", "K00004 ", "and 245 more", "background"):
        assert words in said
    assert "K00005" not in said
    assert BulkJob.objects.count() == 0
    answer = alice.post(REVOKE, fields_of(page) | {"reason": "old"})
    job = BulkJob.objects.get()
    assert answer.headers["Location"] == f"/jobs/{job.pk}/"
    waiting = text(alice.get(f"/jobs/{job.pk}/"))
    assert "250 API keys, asked for by Alice" in waiting
    assert "0 done, 0 failed, 250 left" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    tasks.run_bulk_job(str(job.pk))
    assert ApiKey.objects.filter(status="revoked", revoked_reason="old").count() == 250
    done = text(alice.get(f"/jobs/{job.pk}/"))
    assert "250 done, 0 failed, 0 left" in done
    assert "hx-trigger" not in done.partition('id="job-progress"')[2].partition(">")[0]
    assert "Try the failed ones again" not in done
    entries = AuditLog.objects.filter(action="api_key.revoked", actor_id=str(people.alice.pk))
    assert entries.count() == 250


def test_up_to_a_hundred_are_done_at_once(people: People, alice: WalledClient) -> None:
    plain_keys(people.organization, AT_ONCE)
    fields = asked(alice, REVOKE)
    assert len(fields["ids"]) == AT_ONCE
    answer = alice.post(REVOKE, fields)
    assert answer.headers["Location"] == "/api-keys/"
    assert ApiKey.objects.revoked().count() == AT_ONCE
    assert BulkJob.objects.count() == 0


def test_ticked_ones_are_asked_about_and_not_the_others(
    people: People, alice: WalledClient
) -> None:
    made = plain_keys(people.organization, AT_ONCE + 20)
    ids = [str(key.pk) for key in made[: AT_ONCE + 1]]
    fields = asked(alice, REVOKE, ids=ids, q="", sort="name")
    alice.post(REVOKE, fields)
    job = BulkJob.objects.get()
    assert {str(key) for key in job.items.values_list("target_id", flat=True)} == set(ids)


def test_the_question_sent_twice_makes_one_job(people: People, alice: WalledClient) -> None:
    plain_keys(people.organization, 150)
    fields = asked(alice, REVOKE)
    first = alice.post(REVOKE, fields)
    run_job(BulkJob.objects.get().pk, at=now())
    again = alice.post(REVOKE, fields)
    assert again.headers["Location"] == first.headers["Location"]
    assert BulkJob.objects.count() == 1


def test_when_others_match_by_then_it_is_asked_again(people: People, alice: WalledClient) -> None:
    made = plain_keys(people.organization, 150)
    fields = asked(alice, REVOKE)
    plain_keys(people.organization, 1, name="New")
    with context.acting(organization_id=people.organization.pk):
        keys.revoke_key(made[0])
    answer = alice.post(REVOKE, fields)
    assert (answer.status_code, BulkJob.objects.count()) == (422, 0)
    assert "Look again" in text(answer)
    assert "Revoke 150 API keys?" in text(answer), "as many, but not the same"
    assert alice.post(REVOKE, fields_of(answer)).status_code == 302
    assert BulkJob.objects.get().total == 150


def test_a_reason_that_is_too_long_begins_nothing(people: People, alice: WalledClient) -> None:
    plain_keys(people.organization, 101)
    answer = alice.post(REVOKE, asked(alice, REVOKE) | {"reason": "x" * 201})
    assert (answer.status_code, BulkJob.objects.count()) == (422, 0)
    assert "id_reason_error" in text(answer)
    assert "Look again" not in text(answer)
    assert alice.post(REVOKE, fields_of(answer) | {"reason": "x"}).status_code == 302


def test_more_than_a_job_may_hold_are_refused(people: People, alice: WalledClient) -> None:
    plain_keys(people.organization, MOST + 1)
    answer = alice.post(REVOKE, ALL, follow=True)
    assert "More than 10,000 are selected" in text(answer)


def test_too_many_jobs_at_a_time_are_refused_in_words(people: People, alice: WalledClient) -> None:
    for _ in range(MOST_UNDER_WAY):
        job_of(people.organization, people.alice, 1)
    plain_keys(people.organization, 101, name="New")
    answer = alice.post(REVOKE, asked(alice, REVOKE), follow=True)
    assert "5 jobs are under way already" in text(answer)
    assert BulkJob.objects.count() == MOST_UNDER_WAY


def test_many_messages_are_asked_about_and_sent_again_by_a_job(
    people: People, alice: WalledClient
) -> None:
    endpoint = endpoint_of(people.organization)
    many_deliveries(endpoint, 130, status="failed")
    path = reverse("webhook_replay_many", args=[endpoint.pk])
    page = alice.post(path, {"all": "1", "status": "failed"})
    for words in ("Send 130 messages again?", "webhook.test ", "and 125 more", endpoint.url):
        assert words in text(page)
    assert not WebhookDelivery.objects.filter(status="pending").exists()
    answer = alice.post(path, fields_of(page), follow=True)
    assert "Send messages again: 130 are being worked on." in text(answer)
    run_job(BulkJob.objects.get().pk, at=now())
    assert WebhookDelivery.objects.filter(status="pending").count() == 130
    assert AuditLog.objects.filter(action="webhook.replayed").count() == 130


def test_all_that_failed_since_a_moment_are_sent_again_by_a_job(
    people: People, alice: WalledClient
) -> None:
    endpoint = endpoint_of(people.organization)
    many_deliveries(endpoint, 110, status="failed")
    old = WebhookDelivery.objects.values("pk")[:5]
    WebhookDelivery.objects.filter(pk__in=old).update(created_at=now() - timedelta(hours=2))
    path = reverse("webhook_replay_failed", args=[endpoint.pk])
    fields = asked(alice, path, since="1")
    alice.post(path, fields)
    assert BulkJob.objects.get().total == 105


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("webhook_replay_failed", {"since": "1"}),
        ("webhook_replay_many", {"all": "1", "status": "failed"}),
        ("webhook_replay_many", {"all": "1", "status": ""}),
    ],
)
def test_on_a_busy_endpoint_a_question_is_asked_once(
    people: People, alice: WalledClient, name: str, wanted: dict[str, str]
) -> None:
    """New ones come in, a waiting one fails, one is sent again: the rest is what was asked about."""
    endpoint = endpoint_of(people.organization)
    many_deliveries(endpoint, 120, status="failed", finished_at=now() - timedelta(minutes=1))
    sent, *failed = list(WebhookDelivery.objects.values_list("pk", flat=True))
    many_deliveries(endpoint, 1, next_attempt_at=now())
    waiting = list(WebhookDelivery.objects.filter(status="pending").values_list("pk", flat=True))
    path = reverse(name, args=[endpoint.pk])
    fields = asked(alice, path, **wanted)
    ended = {"status": "failed", "next_attempt_at": None, "finished_at": now()}
    WebhookDelivery.objects.filter(pk__in=waiting).update(**ended)
    many_deliveries(endpoint, 3, status="failed", finished_at=now())
    again = WebhookDelivery.objects.filter(pk=sent)
    again.update(status="pending", finished_at=None, next_attempt_at=now())
    assert alice.post(path, fields).status_code == 302
    targets = set(BulkJob.objects.get().items.values_list("target_id", flat=True))
    assert targets == ({sent, *failed} if wanted.get("status") == "" else set(failed))


def test_the_hours_of_a_question_end_when_it_was_asked(people: People, alice: WalledClient) -> None:
    endpoint = endpoint_of(people.organization)
    many_deliveries(endpoint, 101, status="failed", finished_at=now() - timedelta(minutes=80))
    WebhookDelivery.objects.update(created_at=now() - timedelta(minutes=90))
    path = reverse("webhook_replay_failed", args=[endpoint.pk])
    asked_at = (now() - timedelta(minutes=45)).isoformat()
    fields = asked(alice, path, since="24") | {"since": ["1"], "asked_at": [asked_at]}
    assert alice.post(path, fields).status_code == 302
    assert BulkJob.objects.get().total == 101


@pytest.mark.parametrize(
    "moment",
    [
        timedelta(days=2),
        timedelta(days=-2),
        "0001-01-01T00:00:00+00:00",
        "2026-02-30T00:00:00+00:00",
        "2026-01-01T00:00:00",
        "soon",
        "",
    ],
)
def test_a_question_of_another_time_is_asked_again(
    people: People, alice: WalledClient, moment: str | timedelta
) -> None:
    endpoint = endpoint_of(people.organization)
    many_deliveries(endpoint, 101, status="failed")
    path = reverse("webhook_replay_failed", args=[endpoint.pk])
    fields = asked(alice, path, since="1")
    said = moment if isinstance(moment, str) else (now() + moment).isoformat()
    answer = alice.post(path, fields | {"asked_at": [said]})
    assert (answer.status_code, BulkJob.objects.count()) == (422, 0)
    assert "Look again" in text(answer)
    assert alice.post(path, fields_of(answer)).status_code == 302


def test_nothing_is_asked_about_an_endpoint_that_is_disabled(
    people: People, alice: WalledClient
) -> None:
    endpoint = endpoint_of(people.organization, status="disabled", disabled_at=now())
    many_deliveries(endpoint, 101, status="failed")
    path = reverse("webhook_replay_many", args=[endpoint.pk])
    assert alice.post(path, {"all": "1"}).status_code == 409


@pytest.fixture
def finished(people: People) -> BulkJob:
    """A job of three, of which one failed."""
    job = job_of(people.organization, people.alice, 3, TOUCH, refused=["K00001"])
    run_job(job.pk, at=now())
    return job


def test_the_page_of_a_job_tells_each_result(alice: WalledClient, finished: BulkJob) -> None:
    path = f"/jobs/{finished.pk}/"
    page = text(alice.get(path))
    for words in ("Done, with failures", "2 done, 1 failed, 0 left", "This one cannot be touched.",
                  "test_refused", "Try the failed ones again"):  # fmt: skip
        assert words in page
    failed = text(alice.get(f"{path}?status=failed"))
    assert "K00001" in failed
    assert "K00000" not in failed
    assert "No item matches" in text(alice.get(f"{path}?status=waiting"))
    assert "K00002" in text(alice.get(f"{path}?q=00002"))
    lines = alice.get(f"{path}?export=csv").content.decode("utf-8-sig").splitlines()
    assert len(lines) == 4
    assert "2,K00001," in lines[2]
    assert "test_refused" in lines[2]


def test_failed_ones_are_tried_again_from_the_page(alice: WalledClient, finished: BulkJob) -> None:
    BulkJob.objects.update(params={})
    answer = alice.post(f"/jobs/{finished.pk}/retry/", follow=True)
    assert "The one that failed is tried again." in text(answer)
    assert "2 done, 0 failed, 1 left" in text(answer)
    again = alice.post(f"/jobs/{finished.pk}/retry/", follow=True)
    assert "There is nothing to try again." in text(again)
    run_job(finished.pk, at=now())
    assert "3 done, 0 failed, 0 left" in text(alice.get(f"/jobs/{finished.pk}/"))


def test_the_part_that_asks_for_itself_stops_when_all_is_done(
    people: People, alice: WalledClient
) -> None:
    """The list beside it comes anew then; opened as a page, its address leads to the page."""
    job = job_of(people.organization, people.alice, 2)
    path = f"/jobs/{job.pk}/state/"
    asks = polled(alice, f"/jobs/{job.pk}/", "job-progress")
    assert alice.get(asks, headers=SCRIPTED).status_code == 204
    moving = alice.get(path, headers=SCRIPTED)
    assert 'hx-trigger="every 2s"' in text(moving)
    assert "HX-Trigger" not in moving.headers
    run_job(job.pk, at=now())
    still = alice.get(asks, headers=SCRIPTED)
    assert "hx-trigger" not in text(still)
    assert "2 done, 0 failed, 0 left" in text(still)
    assert still.headers["HX-Trigger"] == "lists:changed"
    assert alice.get(path).headers["Location"] == f"/jobs/{job.pk}/"


def test_the_part_that_asks_for_itself_offers_to_try_again(
    alice: WalledClient, bob: WalledClient, finished: BulkJob
) -> None:
    path = f"/jobs/{finished.pk}/state/"
    assert "Try the failed ones again" in text(alice.get(path, headers=SCRIPTED))
    assert "Try the failed ones again" not in text(bob.get(path, headers=SCRIPTED))


def test_scripts_get_the_same_question_for_their_dialog_and_the_same_list(
    people: People, alice: WalledClient, finished: BulkJob
) -> None:
    plain_keys(people.organization, 120, name="New")
    asks = [alice.post(REVOKE, ALL, headers=headers) for headers in (SCRIPTED, {})]
    for answer in asks:
        assert "Revoke 123 API keys?" in text(answer)
        assert fields_of(answer)["seen"] == fields_of(asks[0])["seen"]
    assert ["<!doctype" in text(answer).lower() for answer in asks] == [False, True]
    for headers in (SCRIPTED, {}):
        listed = text(alice.get(f"/jobs/{finished.pk}/?status=failed", headers=headers))
        assert 'id="job-items"' in listed
        assert "K00001" in listed


def test_recent_jobs_are_listed(people: People, alice: WalledClient, finished: BulkJob) -> None:
    moving = job_of(people.organization, people.alice, 4)
    run_job(moving.pk, at=now(), limit=timedelta(0))
    page = text(alice.get("/jobs/"))
    for words in ("Touch API keys", "2 of 3", "Revoke API keys", "1 of 4", "Under way"):
        assert words in page
    assert "Revoke API keys" not in text(alice.get("/jobs/?status=failed")).partition("<table")[2]
    lines = alice.get("/jobs/?export=csv").content.decode("utf-8-sig").splitlines()
    assert len(lines) == 3
    assert "alice@example.com" in lines[1]


def test_jobs_are_found_from_the_lists_they_are_begun_in(people: People, alice: Any) -> None:
    endpoint = endpoint_of(people.organization)
    for path in ("/api-keys/", f"/webhooks/{endpoint.pk}/"):
        assert 'href="/jobs/"' in text(alice.get(path))


def test_a_place_without_jobs_says_what_one_is(alice: WalledClient) -> None:
    assert "No jobs yet" in text(alice.get("/jobs/"))


def test_members_look_and_strangers_find_nothing(people: People, finished: BulkJob) -> None:
    """Alice (owner) tries again, Bob (member) looks, Charlie (stranger) finds nothing."""
    path = f"/jobs/{finished.pk}/"
    for user, looks, retries in (
        (people.bob, 200, 403), (people.charlie, 404, 404), (None, 302, 302),
        (people.alice, 200, 302),
    ):  # fmt: skip
        client = people.client(user)
        asked = (path, f"{path}state/")
        assert [client.get(each, headers=SCRIPTED).status_code for each in asked] == [looks] * 2
        assert client.post(f"{path}retry/").status_code == retries
        if user not in (None, people.alice):
            assert "Try the failed ones again" not in text(client.get(path))
            assert BulkJob.objects.get().is_done
    assert "Touch" not in text(people.client(people.charlie).get("/jobs/"))
    assert BulkJob.objects.get().is_under_way


def test_a_suspended_organization_tries_nothing_again(people: People, finished: BulkJob) -> None:
    type(people.organization).objects.filter(pk=people.organization.pk).update(status="suspended")
    alice = people.client(people.alice)
    assert "Try the failed ones again" not in text(alice.get(f"/jobs/{finished.pk}/"))
    assert alice.post(f"/jobs/{finished.pk}/retry/").status_code == 403


def test_the_once_of_another_tenant_s_page_leads_nowhere(people: People) -> None:
    theirs = job_of(people.organization, people.alice, 1)
    plain_keys(people.other, 101, name="Own")
    charlie = people.client(people.charlie)
    fields = asked(charlie, REVOKE) | {"once": [str(theirs.once)]}
    answer = charlie.post(REVOKE, fields)
    mine = BulkJob.objects.get(organization=people.other)
    assert answer.headers["Location"] == f"/jobs/{mine.pk}/"


def test_pages_cost_the_same_however_many(
    people: People, alice: WalledClient, django_assert_num_queries: Any
) -> None:
    for _ in range(4):
        job = job_of(people.organization, people.alice, 30)
        run_job(job.pk, at=now(), limit=timedelta(0))
    alice.get("/jobs/")
    with django_assert_num_queries(10):
        alice.get("/jobs/")
    with django_assert_num_queries(11):
        alice.get(f"/jobs/{job.pk}/")
    with django_assert_num_queries(8):
        alice.get(f"/jobs/{job.pk}/state/", headers=SCRIPTED)


def test_beginning_a_large_job_costs_few_queries(
    people: People, alice: WalledClient, django_assert_max_num_queries: Any
) -> None:
    plain_keys(people.organization, 3000)
    fields = asked(alice, REVOKE)
    with django_assert_max_num_queries(18):
        assert alice.post(REVOKE, fields).status_code == 302
    assert BulkJob.objects.get().items.count() == 3000


def test_readers_look_too(people: People, finished: BulkJob) -> None:
    Membership.objects.filter(user=people.bob).update(role="readonly")
    assert people.client(people.bob).get(f"/jobs/{finished.pk}/").status_code == 200
