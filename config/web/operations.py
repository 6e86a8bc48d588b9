"""The back office's pages about the machinery: database, jobs, backups. For looking, but for one button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import current_app
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods
from kombu.exceptions import OperationalError
from redis import RedisError

from config.kit.errors import DomainError
from config.operations import database, failures, jobs, liveness
from config.operations.backups import archive
from config.operations.backups.programs import BackupError

VIEW, RETRY = "operations.view_machinery", "operations.retry_task"
SHOWN_TABLES, SHOWN_INDEXES, SHOWN_FAILURES = 40, 30, 50
Page = Callable[..., HttpResponse]


def _for(permission: str, page: Page) -> Page:
    """Guard a page: staff, second factor, permission."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(permission):
            raise PermissionDenied
        return page(request, *args, **kwargs)

    return admin.site.admin_view(guarded)


def _render(request: HttpRequest, name: str, title: str, **facts: Any) -> HttpResponse:
    everything = {**admin.site.each_context(request), "title": title, **facts}
    return TemplateResponse(request, f"backoffice/operations/{name}.html", everything)


@require_GET
def database_health(request: HttpRequest) -> HttpResponse:
    """Connections, sizes, what takes long, which indexes nobody uses, how far replicas are."""
    seen = database.look()
    return _render(
        request,
        "database",
        "Database health",
        health=seen,
        connections=sorted(seen.connections.items()),
        tables=seen.tables[:SHOWN_TABLES],
        more_tables=max(0, len(seen.tables) - SHOWN_TABLES),
        unused=seen.unused_indexes[:SHOWN_INDEXES],
        more_unused=max(0, len(seen.unused_indexes) - SHOWN_INDEXES),
        long=database.LONG_QUERY,
    )


@require_GET
def jobs_page(request: HttpRequest) -> HttpResponse:
    """Queues, workers, beat's table, promises that wait and tasks that failed."""
    facts: dict[str, Any] = {"is_reachable": True}
    try:
        facts |= {
            "queues": jobs.queue_lengths().items(),
            "stream": jobs.stream_length(),
            "workers": liveness.workers(),
            "beat": liveness.seconds_since_beat(),
            "schedule": liveness.schedule(),
            "failures": failures.latest(SHOWN_FAILURES),
        }
    except RedisError:
        facts["is_reachable"] = False
    waiting = jobs.waiting(now())
    facts["promises"] = [(promise, waiting[promise.key]) for promise in jobs.PROMISES]
    facts["tasks"] = set(current_app.tasks)
    facts["may_retry"] = request.user.has_perm(RETRY)
    return _render(request, "jobs", "Jobs", **facts)


@require_GET
def failure_page(request: HttpRequest, failure_id: UUID) -> HttpResponse:
    """One failed task: what it was asked to do and where it broke."""
    failure = failures.find(str(failure_id))
    may_retry = request.user.has_perm(RETRY) and failure.may_be_retried
    return _render(request, "failure", failure.task, failure=failure, may_retry=may_retry)


@require_http_methods(["GET", "POST"])
def retry_page(request: HttpRequest, failure_id: UUID) -> HttpResponse:
    """Ask, then start a failed task again with the same arguments."""
    back = reverse("operations_jobs")
    try:
        failure = failures.find(str(failure_id))
        if request.method == "POST":
            failures.retry(failure, by=request.user)
            messages.success(request, f"{failure.task} was started again.")
            return HttpResponseRedirect(back)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
        return HttpResponseRedirect(back)
    except (RedisError, OperationalError):
        messages.error(request, "Redis does not answer. Nothing was started.")
        return HttpResponseRedirect(back)
    return _render(request, "retry", "Start again", failure=failure, back=back)


@require_GET
def backups_page(request: HttpRequest) -> HttpResponse:
    """The backups that are kept and what restoring them has shown."""
    try:
        found, problem = archive.all_backups(), " ".join(archive.unreadable())
    except (BackupError, OSError) as error:
        found, problem = [], str(error)
    return _render(request, "backups", "Backups", backups=found, problem=problem, now=now())


# It speaks to the broker.
_retry = transaction.non_atomic_requests(_for(RETRY, retry_page))

urlpatterns = [
    path("database/", _for(VIEW, database_health), name="operations_database"),
    path("jobs/", _for(VIEW, jobs_page), name="operations_jobs"),
    path("jobs/<uuid:failure_id>/", _for(VIEW, failure_page), name="operations_failure"),
    path("jobs/<uuid:failure_id>/retry/", _retry, name="operations_retry"),
    path("backups/", _for(VIEW, backups_page), name="operations_backups"),
]
