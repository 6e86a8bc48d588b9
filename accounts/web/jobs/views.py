"""Pages about bulk jobs: the recent ones, one with its items, and trying again what failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.models import BulkItem, BulkJob
from accounts.services.bulk import action_of, retry_failed
from accounts.web.access import member_required, require
from config.kit.errors import DomainError, NotFound
from config.kit.lists import ListPage, Tab
from config.kit.live import live_part

_WAITING, _DONE, _FAILED = BulkItem.Status.values


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    total: int
    done: int
    failed: int

    @property
    def settled(self) -> int:
        return self.done + self.failed

    @property
    def left(self) -> int:
        return self.total - self.settled

    @property
    def words(self) -> str:
        return f"{self.done:,} done, {self.failed:,} failed, {self.left:,} left"


class JobList(ListPage):
    """The organization's bulk actions of the last 30 days."""

    template_name = "accounts/jobs/list.html"
    file_name = "jobs"
    columns: ClassVar = (
        ("Job", lambda job: job.pk),
        ("Action", lambda job: job.words),
        ("Items", lambda job: job.total),
        ("Done", lambda job: job.progress.done),
        ("Failed", lambda job: job.progress.failed),
        ("State", lambda job: job.status),
        ("Asked by", lambda job: job.user.email),
        ("Asked", lambda job: job.asked_at),
        ("Finished", lambda job: job.finished_at),
    )

    def rows(self) -> QuerySet[Any]:
        return BulkJob.objects.for_organization(self.request.organization)

    def tabs(self) -> Sequence[Tab]:
        return (
            Tab("", "All"),
            Tab("running", "Under way", ~Q(status=BulkJob.Status.DONE)),
            Tab("failed", "With failures", Q(failed__gt=0)),
        )

    def decorate(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("user")

    def complete(self, shown: Sequence[Any]) -> None:
        describe(shown)

    def exported(self, rows: QuerySet[Any]) -> Iterable[Any]:
        return describe(list(rows))


class ItemList(ListPage):
    """One job: how far it is, and what came of each thing."""

    template_name = "accounts/jobs/detail.html"
    file_name = "job-items"
    sorts: ClassVar = {"position": ("position",), "finished_at": ("finished_at", "position")}
    default_sort = "position"
    columns: ClassVar = (
        ("Number", lambda item: item.position),
        ("Name", lambda item: item.label),
        ("Id", lambda item: item.target_id),
        ("Result", lambda item: item.status),
        ("Code", lambda item: item.error_code),
        ("Reason", lambda item: item.error),
        ("Finished", lambda item: item.finished_at),
    )

    def rows(self) -> QuerySet[Any]:
        items = BulkItem.objects.for_organization(self.request.organization)
        return items.filter(job_id=self.kwargs["job_id"])

    def get(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        self.job = own_job(request, kwargs["job_id"])
        return super().get(request, *args, **kwargs)

    def tabs(self) -> Sequence[Tab]:
        return (
            Tab("", "All"),
            Tab("failed", "Failed", Q(status=_FAILED)),
            Tab("done", "Done", Q(status=_DONE)),
            Tab("waiting", "Waiting", Q(status=_WAITING)),
        )

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(label__icontains=text) | Q(error__icontains=text))

    def facts(self) -> dict[str, Any]:
        return {"job": self.job, "may_retry": _may_retry(self.request, self.job)}


@require_GET
@member_required()
@live_part("job")
def state(request: Any, job_id: UUID) -> HttpResponse:
    """Answer the page's question how far the job is; once it is done, the list comes anew."""
    job = own_job(request, job_id)
    facts = {"job": job, "may_retry": _may_retry(request, job)}
    answer = render(request, "accounts/jobs/progress.html", facts)
    if job.is_done:
        answer["HX-Trigger"] = "lists:changed"
    return answer


@require_POST
@member_required()
def retry(request: Any, job_id: UUID) -> HttpResponse:
    """Try the failed ones again, as whoever asks for that."""
    job = own_job(request, job_id)
    action = action_of(job.action)
    if action is None:
        raise NotFound("This action does not exist any more.")
    require(request, action.permission)
    try:
        count = retry_failed(job, by=request.user)
    except DomainError as refusal:
        messages.error(request, refusal.detail)
    else:
        _say(request, count)
    return redirect("job", job.pk)


def own_job(request: Any, job_id: UUID) -> Any:
    """Return one of the organization's jobs; unknown and another's look the same."""
    rows = BulkJob.objects.for_organization(request.organization)
    job = rows.select_related("user").filter(pk=job_id).first()
    if job is None:
        raise NotFound
    describe([job])
    return job


def describe(jobs: Sequence[Any]) -> Sequence[Any]:
    """Add to jobs the words and figures that their pages show; return them."""
    counted = _settled([job.pk for job in jobs if not job.is_done])
    for job in jobs:
        action = action_of(job.action)
        job.words = action.label if action else job.action
        noun = action.noun if action else "items"
        job.summary = f"{job.total:,} {noun}, asked for by {job.user.full_name}"
        done, failed = counted.get(job.pk, (job.total - job.failed, job.failed))
        job.progress = Progress(job.total, done, failed)
    return jobs


def _settled(job_ids: list[UUID]) -> dict[UUID, tuple[int, int]]:
    """Count what is done and what failed of jobs that are under way."""
    if not job_ids:
        return {}
    done, failed = (Count("pk", filter=Q(status=status)) for status in (_DONE, _FAILED))
    rows = BulkItem.objects.filter(job_id__in=job_ids).order_by().values("job_id")
    counts = rows.annotate(done=done, failed=failed).values_list("job_id", "done", "failed")
    return {job_id: (done, failed) for job_id, done, failed in counts}


def _may_retry(request: Any, job: BulkJob) -> bool:
    action = action_of(job.action)
    member = request.membership
    return action is not None and member.organization.is_active and member.allows(action.permission)


def _say(request: Any, count: int) -> None:
    if count:
        noun = "one that failed is" if count == 1 else f"{count:,} that failed are"
        messages.success(request, f"The {noun} tried again.")
    else:
        messages.info(request, "There is nothing to try again.")
