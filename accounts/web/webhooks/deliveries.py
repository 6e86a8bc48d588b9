"""Pages about deliveries: one with every try, sending one, some or all that failed again."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_POST

from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.models.webhook import WebhookDeliveryQuerySet
from accounts.rules.deliveries import ATTEMPTS_SHOWN, DeliveryStatus
from accounts.services.bulk import TooManyItems
from accounts.services.webhooks import replaying
from accounts.services.webhooks.bulk import REPLAY
from accounts.services.webhooks.endpoints import require_enabled
from accounts.services.webhooks.sending import body_of
from accounts.web.access import member_required
from accounts.web.jobs.asking import begin, facts_of, is_agreed, job_made_by, moment_asked, select
from accounts.web.webhooks.endpoints import MANAGE, DeliveryList
from accounts.web.webhooks.forms import ReplayForm
from accounts.web.webhooks.lookup import own_delivery, own_endpoint
from config.kit.ids import as_uuid
from config.kit.live import live_part

SOON = timedelta(minutes=1)
"""So long before its next try the page of a delivery begins to ask how it fares."""


@require_GET
@member_required()
def delivery(request: Any, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    """What was sent, and every answer."""
    return render(
        request, "accounts/webhooks/delivery.html", _facts(request, endpoint_id, delivery_id)
    )


@require_GET
@member_required()
@live_part("webhook_delivery")
def state(request: Any, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    """Answer the page's question how the delivery fares: the tries alone."""
    return render(
        request, "accounts/webhooks/attempts.html", _facts(request, endpoint_id, delivery_id)
    )


@require_POST
@member_required(MANAGE)
def replay(request: Any, endpoint_id: UUID, delivery_id: UUID) -> HttpResponse:
    again = replaying.replay(own_delivery(request, endpoint_id, delivery_id))
    messages.success(request, "The message is sent again.")
    return redirect("webhook_delivery", again.endpoint_id, again.pk)


@require_POST
@member_required(MANAGE)
def replay_failed(request: Any, endpoint_id: UUID) -> HttpResponse:
    """Send again what failed in the chosen time."""
    endpoint = own_endpoint(request, endpoint_id)
    form = ReplayForm(request.POST)
    hours = int(form.cleaned_data["since"]) if form.is_valid() else 24
    asked_at = moment_asked(request)
    since = asked_at - timedelta(hours=hours)
    failed = _deliveries(request, endpoint).unsuccessful().filter(created_at__gte=since)
    return _send_again(request, endpoint, failed, asked_at)


@require_POST
@member_required(MANAGE)
def replay_many(request: Any, endpoint_id: UUID) -> HttpResponse:
    """Send the selected deliveries again, or all that match the filters of the list."""
    endpoint = own_endpoint(request, endpoint_id)
    asked_at = moment_asked(request)
    if request.POST.get("all"):
        return _send_again(request, endpoint, _matching(request, endpoint_id), asked_at)
    ids = [key for key in map(as_uuid, request.POST.getlist("ids")) if key is not None]
    chosen = _deliveries(request, endpoint).filter(pk__in=ids)
    return _send_again(request, endpoint, chosen, asked_at)


def _send_again(
    request: Any, endpoint: WebhookEndpoint, rows: WebhookDeliveryQuerySet, asked_at: datetime
) -> HttpResponse:
    """Send a few at once; ask about many, then let a job send them."""
    if (job := job_made_by(request)) is not None:
        return redirect("job", job.pk)
    require_enabled(endpoint)
    back = reverse("webhook", args=[endpoint.pk])
    settled = _as_of(asked_at, rows).select_related("event")
    named = settled.only("organization", "event__type").order_by("-id")
    try:
        chosen = select(request, REPLAY, named, asked_at=asked_at)
    except TooManyItems as refusal:
        messages.error(request, refusal.detail)
        return redirect(back)
    if not chosen.is_for_a_job:
        keys = [delivery.pk for delivery in chosen.targets]
        _say(request, replaying.replay_many(endpoint, keys))
        return redirect(back)
    if is_agreed(request, chosen):
        return begin(request, chosen, params={}, back=back)
    facts = {"endpoint": endpoint, "count_words": f"{chosen.count:,} messages"}
    facts |= facts_of(request, chosen)
    status = 422 if facts["has_changed"] else 200
    return render(request, "accounts/webhooks/replay_job.html", facts, status=status)


def _as_of(moment: datetime, rows: WebhookDeliveryQuerySet) -> WebhookDeliveryQuerySet:
    """Leave out what was made or ended after a moment: none can come to match a filter later.

    Except one that is sent again meanwhile, in the tab of those that wait: it waits once more.
    """
    return rows.filter(Q(finished_at=None) | Q(finished_at__lte=moment), created_at__lte=moment)


def _deliveries(request: Any, endpoint: WebhookEndpoint) -> WebhookDeliveryQuerySet:
    rows: WebhookDeliveryQuerySet = WebhookDelivery.objects.for_organization(request.organization)
    return rows.filter(endpoint=endpoint)


def _matching(request: Any, endpoint_id: UUID) -> Any:
    """Return what the list shows under the filters that came along with the form."""
    page = DeliveryList()
    request.GET = request.POST
    page.setup(request, endpoint_id=endpoint_id)
    return page.chosen()


def _facts(request: Any, endpoint_id: UUID, delivery_id: UUID) -> dict[str, Any]:
    found = own_delivery(request, endpoint_id, delivery_id)
    body = json.loads(body_of(found.event, found.endpoint.api_version))
    return {
        "delivery": found,
        "endpoint": found.endpoint,
        "attempts": [_shown(each) for each in found.log.all()[:ATTEMPTS_SHOWN]],
        "body": json.dumps(body, indent=2, ensure_ascii=False),
        "is_live": _is_live(found, now()),
        "may_manage": request.membership.allows(MANAGE),
    }


def _is_live(delivery: WebhookDelivery, at: datetime) -> bool:
    """Tell whether a try is due, or nearly: between tries hours pass in which nothing changes."""
    next_at = delivery.next_attempt_at
    return delivery.status == DeliveryStatus.PENDING and next_at is not None and next_at < at + SOON


def _shown(attempt: Any) -> Any:
    """Write the headers of both sides as they stand in a request."""
    attempt.sent = _lines(attempt.request_headers)
    attempt.received = _lines(attempt.response_headers)
    return attempt


def _lines(headers: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in headers.items())


def _say(request: Any, count: int) -> None:
    if count:
        noun = "message is" if count == 1 else "messages are"
        messages.success(request, f"{count} {noun} sent again.")
    else:
        messages.info(request, "There was nothing to send again.")
