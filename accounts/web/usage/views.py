"""Usage of the API: figures with a chart, how near the limits are, and single calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import ApiCall, ApiKey
from accounts.rules.calls import OWN_API, VALID
from accounts.services.calls.quotas import limits_of
from accounts.services.calls.recording import keep_bodies, keeps_bodies
from accounts.services.calls.usage import GROUPS, RANGES, Group, Usage, usage_of
from accounts.web.access import member_required
from accounts.web.usage.forms import RecordingForm
from config.kit.ids import as_uuid
from config.kit.lists import ListPage, Tab
from config.kit.sheets import write_csv

FAILED = Q(status_code__gte=400) | ~Q(outcome=VALID)
RANGE_WORDS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
ALL_KEPT = "all"
# Single calls have no index but that of time: a rare one costs as much as its range holds.
CALL_RANGES: dict[str, timedelta | None] = {
    **{key: length for key, (length, _) in RANGES.items()},
    ALL_KEPT: None,
}
_GROUP_COLUMNS = (
    ("Requests", lambda group: group.figures.requests),
    ("Errors", lambda group: group.figures.errors),
    ("Billable", lambda group: group.figures.billable),
    ("P95 ms", lambda group: group.figures.p95),
    ("Mean ms", lambda group: group.figures.mean),
)


@require_GET
@member_required()
def usage(request: Any) -> HttpResponse:
    """Requests, errors and p95 of a range, by key, endpoint or product; limits above."""
    chosen = _choice(request, "range", RANGES)
    group_by = _choice(request, "group", GROUPS)
    at = now()
    found = usage_of(request.organization, range=chosen, group_by=group_by, at=at)
    if request.GET.get("export") == "csv":
        return _csv(found.groups, group_by, f"usage-{chosen}-{at:%Y-%m-%d}")
    facts = {
        "usage": found,
        "range": chosen,
        "group": group_by,
        "range_words": RANGE_WORDS[chosen],
        "ranges": RANGE_WORDS.items(),
        "group_keys": GROUPS,
        "limits": limits_of(request.organization, at),
        "chart": chart_of(found),
        "chart_summary": _summary(found, RANGE_WORDS[chosen]),
        "export_query": "?" + urlencode({"range": chosen, "group": group_by, "export": "csv"}),
    }
    return render(request, "accounts/usage/usage.html", facts)


def chart_of(usage: Usage) -> dict[str, Any]:
    """Return what static/app/charts.js draws: requests and errors, at most 168 steps."""
    return {
        "x": [int(moment.timestamp()) for moment, _ in usage.steps],
        "kind": "bar" if usage.step == "day" else "line",
        "unit": "number",
        "series": [
            {
                "label": "Requests",
                "values": [figures.requests for _, figures in usage.steps],
                "total": usage.total.requests,
            },
            {
                "label": "Errors",
                "values": [figures.errors for _, figures in usage.steps],
                "total": usage.total.errors,
            },
        ],
    }


class CallList(ListPage):
    """Single calls of a range, newest first."""

    template_name = "accounts/usage/calls.html"
    file_name = "api-calls"
    may_be_long = True
    sorts: ClassVar = {
        "called_at": ("called_at", "id"),
        "latency_ms": ("latency_ms", "called_at", "id"),
    }
    default_sort = "-called_at"
    columns: ClassVar = (
        ("Id", lambda call: call.pk),
        ("Time", lambda call: call.called_at),
        ("Key", lambda call: call.api_key_id),
        ("Product", lambda call: call.product),
        ("Method", lambda call: call.method),
        ("Endpoint", lambda call: call.endpoint),
        ("Status", lambda call: call.status_code),
        ("Outcome", lambda call: call.outcome),
        ("Latency ms", lambda call: call.latency_ms),
    )

    @property
    def range(self) -> str:
        return _choice(self.request, "range", CALL_RANGES)

    def rows(self) -> QuerySet[Any]:
        rows = ApiCall.objects.for_organization(self.request.organization)
        if length := CALL_RANGES[self.range]:
            rows = rows.filter(called_at__gte=self.at - length)
        wanted = self.request.GET
        if key := as_uuid(wanted.get("key", "")):
            rows = rows.filter(api_key_id=key)
        for name in ("product", "endpoint"):
            if value := wanted.get(name, "").replace("\x00", ""):
                rows = rows.filter(**{name: value})
        return rows

    def tabs(self) -> Sequence[Tab]:
        return (
            Tab("", "All"),
            Tab("errors", "Errors", FAILED),
            Tab("refused", "Refused", ~Q(outcome=VALID)),
        )

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(endpoint__icontains=text) | Q(outcome__iexact=text))

    def complete(self, shown: Sequence[Any]) -> None:
        keys = ApiKey.objects.for_organization(self.request.organization)
        known = keys.in_bulk({call.api_key_id for call in shown})
        for call in shown:
            call.key = known.get(call.api_key_id)
            call.product_words = "Switchyard API" if call.product == OWN_API else call.product

    def facts(self) -> dict[str, Any]:
        names = ("key", "product", "endpoint")
        narrowed = {name: self.request.GET[name] for name in names if self.request.GET.get(name)}
        keys = ApiKey.objects.for_organization(self.request.organization)
        longer = list(CALL_RANGES)[list(CALL_RANGES).index(self.range) + 1 :]
        return {
            "ranges": [("7d", "Last 7 days"), ("30d", "Last 30 days"), (ALL_KEPT, "All kept")],
            "searched": _searched(self.range),
            "longer": [(key, _searched(key)) for key in longer[:1]],
            "narrowed": narrowed,
            "keys": [(str(key.pk), str(key)) for key in keys[:200]],
            "may_set": self.request.membership.allows("manage_organization"),
        }

    def _context(self) -> dict[str, Any]:
        context = super()._context()
        context["is_filtered"] = context["is_filtered"] or bool(context["narrowed"])
        return context


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("manage_organization")
def recording(request: Any) -> HttpResponse:
    """Ask before bodies are kept, or before they no longer are."""
    answered = RecordingForm(request.POST or None)
    if not answered.is_valid():
        keeps = keeps_bodies(request.organization)
        asked = RecordingForm(initial={"keep": "no" if keeps else "yes"})
        status = 422 if request.method == "POST" else 200
        facts = {"keeps": keeps, "form": asked}
        return render(request, "accounts/usage/recording.html", facts, status=status)
    keep_bodies(request.organization, answered.keeps)
    kept = "Bodies of reported calls are kept now."
    messages.success(request, kept if answered.keeps else "Bodies are no longer kept.")
    return redirect("usage_calls")


def _summary(usage: Usage, words: str) -> str:
    requests, errors = usage.total.requests, usage.total.errors
    calls = f"{requests:,} request{'' if requests == 1 else 's'}"
    return f"{calls}, {errors:,} of them error{'' if errors == 1 else 's'}, in {words}."


def _searched(range: str) -> str:
    words = RANGE_WORDS.get(range)
    return f"the last {words}" if words else "all calls that are kept"


def _choice(request: Any, name: str, known: Any) -> str:
    wanted = request.GET.get(name, "")
    return wanted if wanted in known else next(iter(known))


def _csv(groups: Sequence[Group], group_by: str, name: str) -> HttpResponse:
    columns = ((group_by.title(), lambda group: group.label), *_GROUP_COLUMNS)
    return HttpResponse(
        write_csv(columns, groups),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
