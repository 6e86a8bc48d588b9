"""What beat starts exists, and what the jobs page promises is really asked for."""

from __future__ import annotations

from django.conf import settings

from config.celery import app
from config.operations.jobs import PROMISES

SCHEDULED = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}


def test_every_promise_names_a_sweeper_that_beat_starts() -> None:
    assert {promise.sweeper for promise in PROMISES} <= SCHEDULED


def test_every_scheduled_task_exists_and_bears_its_own_name() -> None:
    app.loader.import_default_modules()
    assert set(app.tasks) >= SCHEDULED
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        assert entry["task"] == name


def test_every_routed_task_exists_and_goes_to_a_queue_there_is() -> None:
    app.loader.import_default_modules()
    queues = {queue.name for queue in settings.CELERY_TASK_QUEUES}
    for pattern, route in settings.CELERY_TASK_ROUTES.items():
        assert route["queue"] in queues
        assert any(name.startswith(pattern.rstrip("*")) for name in app.tasks), pattern


def test_what_was_missed_while_no_worker_ran_is_done_once() -> None:
    """Beat goes on through the night: its messages end before a hundred of a kind have gathered."""
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        if isinstance(entry["schedule"], float):
            pending = entry["options"]["expires"] / entry["schedule"]
            assert 1 <= pending < 100, name
