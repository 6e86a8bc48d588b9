"""Celery: queues, limits, and everything that beat starts, in one table."""

from __future__ import annotations

from datetime import timedelta

import environ
from celery.schedules import crontab
from kombu import Queue

env = environ.Env()

CELERY_BROKER_URL = env.str(
    "CELERY_BROKER_URL", default=env.str("REDIS_URL", default="redis://127.0.0.1:63799/0")
)
CELERY_TASK_QUEUES = [
    Queue(name)
    for name in ("default", "money", "sync", "webhooks", "ingest", "exports", "bulk", "mail")
]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "billing.*": {"queue": "money"},
    # Customers' servers may take their time: nothing of ours waits behind them.
    "accounts.deliver_webhook": {"queue": "webhooks"},
    "accounts.flush_calls": {"queue": "ingest"},
    # A mail server may be silent: what else is due does not wait for it.
    "accounts.send_account_mail": {"queue": "mail"},
    "accounts.send_notification_mail": {"queue": "mail"},
    "accounts.send_invitation": {"queue": "mail"},
    "accounts.tell_alert": {"queue": "mail"},
    # A file may take half an hour, and what is done to ten thousand things some minutes.
    "accounts.make_data_export": {"queue": "exports"},
    "accounts.run_bulk_job": {"queue": "bulk"},
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# A task may run twice and may die anywhere: rows say what is done, so it is acknowledged late.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = env.int("TASK_TIME_LIMIT", default=120)
CELERY_TASK_SOFT_TIME_LIMIT = CELERY_TASK_TIME_LIMIT - max(2, CELERY_TASK_TIME_LIMIT // 6)
# How long a worker may hold a row it has claimed: longer than any task may run, or two would.
CLAIM_LEASE = timedelta(seconds=CELERY_TASK_TIME_LIMIT * 3 // 2)
# Seconds that a nudge may wait in its queue before sweepers take it for lost and send another.
NUDGE_PATIENCE = env.int("NUDGE_PATIENCE", default=60)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_connect_timeout": 1,
    "socket_timeout": 5,
    "global_keyprefix": "celery:",
}
CELERY_TIMEZONE = "UTC"
# API calls wait in a Redis stream for PostgreSQL: when to raise the alarm, and when to refuse more.
API_CALLS_STREAM_ALARM = env.int("API_CALLS_STREAM_ALARM", default=200_000)
API_CALLS_STREAM_MOST = env.int("API_CALLS_STREAM_MOST", default=2_000_000)
API_CALLS_KEPT_DAYS = env.int("API_CALLS_KEPT_DAYS", default=90)
CELERY_BEAT_SCHEDULER = "config.operations.beat.WatchedScheduler"
# Beat says that it turns at least this often.
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_BEAT_SCHEDULE = {
    "operations.back_up": {"task": "operations.back_up", "schedule": crontab(hour="2", minute="0")},
    "operations.prove_backup": {
        "task": "operations.prove_backup",
        "schedule": crontab(day_of_month="1", hour="4", minute="0"),
    },
    "billing.sweep_inbox": {"task": "billing.sweep_inbox", "schedule": 5.0},
    "billing.sweep_attempts": {"task": "billing.sweep_attempts", "schedule": 10.0},
    "billing.sweep_checkouts": {"task": "billing.sweep_checkouts", "schedule": 60.0},
    "billing.fetch_missed": {"task": "billing.fetch_missed", "schedule": 60.0},
    "billing.fetch_long_missed": {"task": "billing.fetch_long_missed", "schedule": 3600.0},
    "billing.sweep_documents": {"task": "billing.sweep_documents", "schedule": 60.0},
    "licensing.flush_sightings": {"task": "licensing.flush_sightings", "schedule": 15.0},
    "licensing.sweep_publications": {"task": "licensing.sweep_publications", "schedule": 5.0},
    "accounts.sweep_api_keys": {"task": "accounts.sweep_api_keys", "schedule": 5.0},
    "accounts.flush_key_uses": {
        "task": "accounts.flush_key_uses",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "accounts.sweep_invitations": {"task": "accounts.sweep_invitations", "schedule": 60.0},
    "licensing.tell_expiring": {"task": "licensing.tell_expiring", "schedule": 3600.0},
    "licensing.tell_trials_ending": {"task": "licensing.tell_trials_ending", "schedule": 3600.0},
    "accounts.sweep_webhooks": {"task": "accounts.sweep_webhooks", "schedule": 5.0},
    "accounts.sweep_bulk_jobs": {"task": "accounts.sweep_bulk_jobs", "schedule": 15.0},
    "accounts.sweep_account_mails": {"task": "accounts.sweep_account_mails", "schedule": 30.0},
    "accounts.sweep_notification_mails": {
        "task": "accounts.sweep_notification_mails",
        "schedule": 60.0,
    },
    "accounts.forget_old_webhooks": {"task": "accounts.forget_old_webhooks", "schedule": 3600.0},
    "licensing.sweep_closed": {"task": "licensing.sweep_closed", "schedule": 60.0},
    "licensing.sweep_trials": {"task": "licensing.sweep_trials", "schedule": 15.0},
    "accounts.prepare_audit_partitions": {
        "task": "accounts.prepare_audit_partitions",
        "schedule": 86400.0,
    },
    "accounts.seal_audit": {"task": "accounts.seal_audit", "schedule": 60.0},
    "accounts.watch_audit": {"task": "accounts.watch_audit", "schedule": 300.0},
    "accounts.verify_audit": {
        "task": "accounts.verify_audit",
        "schedule": crontab(hour=3, minute=10),
    },
    "accounts.retire_audit": {
        "task": "accounts.retire_audit",
        "schedule": crontab(hour=4, minute=10),
    },
    "accounts.sweep_data_exports": {"task": "accounts.sweep_data_exports", "schedule": 60.0},
    # A nudge that found no worker in time is not needed any more: the next one does the same.
    "accounts.flush_calls": {
        "task": "accounts.flush_calls",
        "schedule": 2.0,
        "options": {"expires": 10},
    },
    "accounts.watch_calls": {"task": "accounts.watch_calls", "schedule": 60.0},
    "billing.meter_usage": {"task": "billing.meter_usage", "schedule": 300.0},
    "billing.reconcile_usage": {
        "task": "billing.reconcile_usage",
        "schedule": crontab(hour=1, minute=20),
    },
    "billing.watch_quotas": {"task": "billing.watch_quotas", "schedule": 60.0},
    "accounts.keep_series": {"task": "accounts.keep_series", "schedule": 3600.0},
    "accounts.forget_tokens": {"task": "accounts.forget_tokens", "schedule": 3600.0},
    "accounts.forget_sessions": {"task": "accounts.forget_sessions", "schedule": 3600.0},
    "accounts.forget_idempotency_keys": {
        "task": "accounts.forget_idempotency_keys",
        "schedule": 3600.0,
    },
}
# While no worker runs, beat goes on: what was missed is done once, not once for every interval.
for _entry in CELERY_BEAT_SCHEDULE.values():
    if isinstance(_entry["schedule"], float):
        _options = _entry.setdefault("options", {})
        _options.setdefault("expires", max(120.0, 2 * _entry["schedule"]))
