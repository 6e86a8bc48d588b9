"""What a sweeper asks for waits in its queue once, however often and however long it is swept."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.test import TestCase

from accounts.tasks import deliver_webhook
from config.celery import app
from config.kit.tasks import LONG, after_commit, nudge_again
from tests.stack import wait_for

MARK = "nudge:accounts.deliver_webhook:{}"


def waiting(redis_client: Any) -> list[str]:
    messages = [json.loads(each) for each in redis_client.lrange("celery:webhooks", 0, -1)]
    return sorted(message["headers"]["argsrepr"] for message in messages)


def test_a_queue_that_is_behind_is_not_filled_again(redis_client: Any) -> None:
    for _ in range(10):
        nudge_again(deliver_webhook, ["one", "two"])
    nudge_again(deliver_webhook, ["two", "three"])
    assert waiting(redis_client) == ["('one',)", "('three',)", "('two',)"]


def test_a_message_that_nobody_took_counts_as_lost(redis_client: Any) -> None:
    nudge_again(deliver_webhook, ["one"])
    assert 0 < redis_client.ttl(MARK.format("one")) <= settings.NUDGE_PATIENCE
    redis_client.delete("celery:webhooks")  # it died with its worker
    redis_client.pexpire(MARK.format("one"), 0)
    nudge_again(deliver_webhook, ["one"])
    assert waiting(redis_client) == ["('one',)"]


@pytest.mark.usefixtures("live_database")
def test_a_row_whose_message_was_taken_is_nudged_again(redis_client: Any) -> None:
    """A task that finds it is not its turn just returns: the next sweep brings it again."""
    key = str(uuid4())  # there is nothing to deliver under it
    nudge_again(deliver_webhook, [key])
    assert redis_client.exists(MARK.format(key))
    with start_worker(app, queues=["webhooks"], pool="solo", perform_ping_check=False):
        wait_for(lambda: not redis_client.exists(MARK.format(key)))
    nudge_again(deliver_webhook, [key])
    assert waiting(redis_client) == [f"('{key}',)"]


@pytest.mark.usefixtures("db")
def test_what_was_just_asked_for_is_not_swept_too(redis_client: Any) -> None:
    with TestCase.captureOnCommitCallbacks(execute=True):
        after_commit(deliver_webhook, "one")
    nudge_again(deliver_webhook, ["one"])
    assert waiting(redis_client) == ["('one',)"]


@pytest.mark.usefixtures("live_database")
def test_a_message_that_comes_late_leaves_the_mark_of_its_successor(redis_client: Any) -> None:
    key = str(uuid4())
    nudge_again(deliver_webhook, [key])
    redis_client.set(MARK.format(key), "the message sent since", ex=60)
    with start_worker(app, queues=["webhooks"], pool="solo", perform_ping_check=False):
        wait_for(lambda: not waiting(redis_client))
    assert redis_client.get(MARK.format(key)) == b"the message sent since"


def test_a_long_queue_is_given_nothing_by_sweepers(redis_client: Any) -> None:
    redis_client.rpush("celery:webhooks", *["{}"] * LONG)
    nudge_again(deliver_webhook, ["one"])
    assert redis_client.llen("celery:webhooks") == LONG
    redis_client.rpop("celery:webhooks")
    nudge_again(deliver_webhook, ["one"])
    assert redis_client.llen("celery:webhooks") == LONG


def test_nothing_due_asks_nothing(redis_client: Any) -> None:
    nudge_again(deliver_webhook, [])
    assert waiting(redis_client) == []
