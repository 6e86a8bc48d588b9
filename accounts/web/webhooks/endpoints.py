"""Pages about endpoints: the list, one of them with its deliveries, and what is done to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.services.webhooks import endpoints, replaying
from accounts.services.webhooks.catalogue import event_types
from accounts.web.access import member_required
from accounts.web.once import OnceForm, make_once
from accounts.web.webhooks.figures import DAYS, reach_of
from accounts.web.webhooks.forms import DeleteForm, EndpointForm, NewEndpointForm, ReplayForm
from accounts.web.webhooks.lookup import own_endpoint
from config.kit.errors import DomainError
from config.kit.forms import refuse
from config.kit.lists import ListPage, Tab

MANAGE = "manage_webhooks"
Status = WebhookEndpoint.Status
Ended = WebhookDelivery.Status


class EndpointList(ListPage):
    """All endpoints of the organization with how well each is reached."""

    template_name = "accounts/webhooks/endpoints.html"
    file_name = "webhook-endpoints"
    sorts: ClassVar = {
        "url": ("url", "id"),
        "status": ("status", "created_at", "id"),
        "created_at": ("created_at", "id"),
    }
    columns: ClassVar = (
        ("Endpoint", lambda endpoint: endpoint.pk),
        ("Address", lambda endpoint: endpoint.url),
        ("Description", lambda endpoint: endpoint.description),
        ("Events", lambda endpoint: " ".join(endpoint.event_types)),
        ("Status", lambda endpoint: endpoint.status),
        ("Reason", lambda endpoint: endpoint.disabled_reason),
        ("Failing since", lambda endpoint: endpoint.failing_since),
        ("Created", lambda endpoint: endpoint.created_at),
    )

    def rows(self) -> QuerySet[Any]:
        return WebhookEndpoint.objects.for_organization(self.request.organization)

    def tabs(self) -> Sequence[Tab]:
        failing = Q(status=Status.ENABLED, failing_since__isnull=False)
        return (
            Tab("", "All"),
            Tab("enabled", "Enabled", Q(status=Status.ENABLED)),
            Tab("failing", "Failing", failing),
            Tab("disabled", "Disabled", ~Q(status=Status.ENABLED)),
        )

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(Q(url__icontains=text) | Q(description__icontains=text))

    def complete(self, shown: Sequence[Any]) -> None:
        keys = [endpoint.pk for endpoint in shown]
        reached = reach_of(self.request.organization, keys, self.at)
        for endpoint in shown:
            endpoint.reach = reached[endpoint.pk]

    def facts(self) -> dict[str, Any]:
        return {"may_manage": self.request.membership.allows(MANAGE), "days": DAYS}


class DeliveryList(ListPage):
    """One endpoint: its state, and everything that was sent to it."""

    template_name = "accounts/webhooks/endpoint.html"
    file_name = "webhook-deliveries"
    columns: ClassVar = (
        ("Delivery", lambda delivery: delivery.pk),
        ("Event", lambda delivery: delivery.event_id),
        ("Type", lambda delivery: delivery.event.type),
        ("Status", lambda delivery: delivery.status),
        ("Tries", lambda delivery: delivery.attempts),
        ("Answer", lambda delivery: delivery.response_status),
        ("Error", lambda delivery: delivery.error_code),
        ("Latency (ms)", lambda delivery: delivery.latency_ms),
        ("Created", lambda delivery: delivery.created_at),
        ("Finished", lambda delivery: delivery.finished_at),
    )

    @property
    def endpoint(self) -> WebhookEndpoint:
        return own_endpoint(self.request, self.kwargs["endpoint_id"])

    def rows(self) -> QuerySet[Any]:
        rows = WebhookDelivery.objects.for_organization(self.request.organization)
        wanted = rows.filter(endpoint_id=self.kwargs["endpoint_id"])
        chosen = self.request.GET.get("type", "")
        return wanted.filter(event__type=chosen) if chosen in event_types() else wanted

    def get(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        self.shown = self.endpoint
        return super().get(request, *args, **kwargs)

    def tabs(self) -> Sequence[Tab]:
        return (
            Tab("", "All"),
            Tab("succeeded", "Delivered", Q(status=Ended.SUCCEEDED)),
            Tab("pending", "Waiting", Q(status=Ended.PENDING)),
            Tab("failed", "Failed", Q(status__in=[Ended.FAILED, Ended.ABANDONED])),
        )

    def search(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        return rows.filter(event__type__icontains=text)

    def decorate(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.select_related("event")

    def facts(self) -> dict[str, Any]:
        reached = reach_of(self.request.organization, [self.shown.pk], self.at)
        expires_at = self.shown.former_secret_expires_at
        return {
            "endpoint": self.shown,
            "reach": reached[self.shown.pk],
            "days": DAYS,
            "types": [(name, name) for name in event_types()],
            "may_manage": self.request.membership.allows(MANAGE),
            "overlap_ends": expires_at if expires_at and expires_at > self.at else None,
            "replay_form": ReplayForm(),
        }

    def _context(self) -> dict[str, Any]:
        context = super()._context()
        is_narrowed = self.request.GET.get("type", "") in event_types()
        context["is_filtered"] = context["is_filtered"] or is_narrowed
        return context


# The name server is asked for a new address: no transaction stands open meanwhile.
@transaction.non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(MANAGE)
def create(request: Any) -> HttpResponse:
    """Add an endpoint; the page that follows shows its secret, this once."""
    form = NewEndpointForm(request.POST or None, initial={"event_types": ["*"]})
    if request.method == "POST" and form.is_valid():
        wish = {name: form.cleaned_data[name] for name in EndpointForm.base_fields}
        try:
            endpoints.check_url(wish["url"])
            made = make_once(
                request, form, lambda: endpoints.add_endpoint(request.organization, **wish)
            )
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            return _show_secret(request, made, "Endpoint added", back=reverse("webhooks"))
    status = 422 if form.is_bound else 200
    return render(request, "accounts/webhooks/endpoint_form.html", {"form": form}, status=status)


@transaction.non_atomic_requests
@require_http_methods(["GET", "HEAD", "POST"])
@member_required(MANAGE)
def edit(request: Any, endpoint_id: UUID) -> HttpResponse:
    endpoint = own_endpoint(request, endpoint_id)
    form = EndpointForm(request.POST) if request.method == "POST" else EndpointForm.of(endpoint)
    if form.is_bound and form.is_valid():
        try:
            endpoints.update_endpoint(endpoint, **form.cleaned_data)
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "The endpoint is changed.")
            return redirect("webhook", endpoint.pk)
    facts = {"form": form, "endpoint": endpoint}
    status = 422 if form.is_bound else 200
    return render(request, "accounts/webhooks/endpoint_form.html", facts, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(MANAGE)
def roll(request: Any, endpoint_id: UUID) -> HttpResponse:
    """Say what a new secret means; then show it, this once."""
    endpoint = own_endpoint(request, endpoint_id)
    form = OnceForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = make_once(request, form, lambda: endpoints.roll_secret(endpoint, at=now()))
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            back = reverse("webhook", args=[endpoint.pk])
            return _show_secret(request, made, "New secret", back=back)
    facts = {"endpoint": endpoint, "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "accounts/webhooks/roll.html", facts, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(MANAGE)
def disable(request: Any, endpoint_id: UUID) -> HttpResponse:
    endpoint = own_endpoint(request, endpoint_id)
    if request.method != "POST":
        waiting = WebhookDelivery.objects.for_organization(request.organization).filter(
            endpoint=endpoint, status=Ended.PENDING
        )
        facts = {"endpoint": endpoint, "waiting": waiting.count()}
        return render(request, "accounts/webhooks/disable.html", facts)
    endpoints.disable_endpoint(endpoint)
    messages.success(request, "The endpoint is disabled. Nothing is sent to it.")
    return redirect("webhook", endpoint.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(MANAGE)
def delete(request: Any, endpoint_id: UUID) -> HttpResponse:
    endpoint = own_endpoint(request, endpoint_id)
    form = DeleteForm(request.POST if request.method == "POST" else None, endpoint=endpoint)
    if form.is_bound and form.is_valid():
        endpoints.delete_endpoint(endpoint, at=now())
        messages.success(request, "The endpoint is deleted.")
        return redirect("webhooks")
    facts = {"endpoint": endpoint, "form": form}
    status = 422 if form.is_bound else 200
    return render(request, "accounts/webhooks/delete.html", facts, status=status)


@require_POST
@member_required(MANAGE)
def enable(request: Any, endpoint_id: UUID) -> HttpResponse:
    endpoint = endpoints.enable_endpoint(own_endpoint(request, endpoint_id))
    messages.success(request, "The endpoint is enabled. Replay what it missed if you need it.")
    return redirect("webhook", endpoint.pk)


@require_POST
@member_required(MANAGE)
def test(request: Any, endpoint_id: UUID) -> HttpResponse:
    """Send a test message and show how it fares."""
    delivery = replaying.send_test(own_endpoint(request, endpoint_id))
    messages.success(request, "A test message is on its way.")
    return redirect("webhook_delivery", delivery.endpoint_id, delivery.pk)


def _show_secret(
    request: Any, made: endpoints.Made | None, title: str, *, back: str
) -> HttpResponse:
    """Show what was made, this once; lead `back` when the same page had made it before."""
    if made is None:
        messages.info(request, "That secret was made already. It cannot be shown again.")
        return redirect(back)
    facts = {"endpoint": made.endpoint, "secret": made.secret, "title": title}
    answer = render(request, "accounts/webhooks/secret.html", facts)
    answer["Cache-Control"] = "no-store"
    return answer
