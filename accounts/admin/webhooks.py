"""Customers' webhooks in the back office: endpoints, deliveries with their tries, sending again."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, ShowFacets
from django.http import HttpRequest
from unfold.decorators import display

from accounts.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from accounts.services import audit
from accounts.services.webhooks import endpoints, replaying
from config.kit.asking import AskedAction, Export
from config.kit.backoffice import NamedSet, StaffAdmin, StaffInline, row_link, tag

_TONES = {
    "enabled": "active", "disabled": "ended", "auto_disabled": "failed",
    "succeeded": "succeeded", "pending": "pending", "failed": "failed", "abandoned": "ended",
}  # fmt: skip


def _enable(endpoint: WebhookEndpoint, reason: str) -> None:
    endpoints.enable_endpoint(endpoint)
    audit.record("webhook.enabled_by_staff", endpoint, reason=reason)


def _disable(endpoint: WebhookEndpoint, reason: str) -> None:
    endpoints.disable_endpoint(endpoint, reason="Disabled by the operator.")
    audit.record("webhook.disabled_by_staff", endpoint, reason=reason)


def _replay(delivery: WebhookDelivery, reason: str) -> None:
    replaying.replay(delivery)
    audit.record("webhook.replayed_by_staff", delivery, reason=reason)


class AttemptInline(StaffInline):
    model = WebhookAttempt
    verbose_name_plural = "tries"
    fields = ("number", "created_at", "response_status", "latency_ms", "error_code", "answer")
    readonly_fields = fields
    ordering = ("-number",)
    tab = False

    @display(description="Answer")
    def answer(self, attempt: WebhookAttempt) -> str:
        return (attempt.error or attempt.response_body)[:200]


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(StaffAdmin):
    list_display = (
        "address",
        "organization",
        "state",
        "failing_since",
        "failure_streak",
        "created_at",
    )
    list_filter = ("status", ("created_at", DateFieldListFilter))
    list_select_related = ("organization",)
    search_fields = ("url", "description", "organization__name")
    search_help_text = "Address, description or organization"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("url", "description", "organization", "event_types")}),
        (
            "Standing",
            {"fields": ("state", ("disabled_reason", "disabled_at"),
                        ("failing_since", "failure_streak"))},
        ),
        ("Record", {"fields": ("id", ("api_version", "former_secret_expires_at"), "created_at")}),
    )  # fmt: skip
    readonly_fields = ("state",)
    attention = (
        NamedSet(
            "failing",
            "Failing",
            lambda rows, at: rows.enabled().filter(failing_since__isnull=False),
        ),
        NamedSet(
            "auto_disabled",
            "Disabled by us",
            lambda rows, at: rows.filter(status=WebhookEndpoint.Status.AUTO_DISABLED),
        ),
    )
    asked_actions = (
        AskedAction(
            "enable",
            "Enable",
            permission="accounts.switch_webhookendpoint",
            effect="Messages are sent to it again from now on; what it missed is not.",
            work=_enable,
            applies=lambda endpoint: not endpoint.is_enabled,
            icon="play_circle",
        ),
        AskedAction(
            "disable",
            "Disable",
            permission="accounts.switch_webhookendpoint",
            effect="Nothing is sent to it any more and what waits is dropped; its owner can send "
            "that again later.",
            work=_disable,
            applies=lambda endpoint: endpoint.is_enabled,
            danger=True,
            icon="block",
        ),
    )
    export = Export(
        permission="accounts.export_webhookendpoint",
        columns={
            "id": "id", "organization": "organization__name", "url": "url", "status": "status",
            "reason": "disabled_reason", "failing_since": "failing_since",
            "created": "created_at",
        },
        record=audit.record,
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).kept()

    @display(description="Address", ordering="url")
    def address(self, endpoint: WebhookEndpoint) -> str:
        return endpoint.url[:80]

    @display(description="Status", ordering="status")
    def state(self, endpoint: WebhookEndpoint) -> str:
        return tag(_TONES[endpoint.status], endpoint.get_status_display())


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(StaffAdmin):
    list_display = (
        "event_type", "organization", "to", "state", "attempts", "response_status", "error_code",
        "created_at",
    )  # fmt: skip
    list_filter = ("status", "error_code", ("created_at", DateFieldListFilter))
    list_select_related = ("organization", "endpoint", "event")
    search_fields = ("=event__id", "=event__type", "organization__name", "endpoint__url")
    search_help_text = "Message id, event type, organization or address"
    show_facets = ShowFacets.NEVER
    ordering = ("-id",)
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("event_type", "organization", "to", "payload")}),
        (
            "Standing",
            {"fields": ("state", ("attempts", "next_attempt_at"),
                        ("response_status", "latency_ms", "error_code"))},
        ),
        ("Record", {"fields": ("id", "event", ("created_at", "finished_at"))}),
    )  # fmt: skip
    readonly_fields = ("event_type", "to", "state", "payload")
    attention = (
        NamedSet("unsuccessful", "Failed or dropped", lambda rows, at: rows.unsuccessful()),
        NamedSet("due", "Due now", lambda rows, at: rows.due(at)),
    )
    asked_actions = (
        AskedAction(
            "replay",
            "Send again",
            permission="accounts.replay_webhookdelivery",
            effect="The same message is sent again at once, with a fresh schedule; the customer's "
            "program may see it twice.",
            work=_replay,
            icon="replay",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).kept()

    @display(description="Event", ordering="event__type")
    def event_type(self, delivery: WebhookDelivery) -> str:
        return delivery.event.type

    @display(description="Endpoint")
    def to(self, delivery: WebhookDelivery) -> str:
        return row_link(delivery.endpoint, delivery.endpoint.url[:60])

    @display(description="Status", ordering="status")
    def state(self, delivery: WebhookDelivery) -> str:
        return tag(_TONES[delivery.status], delivery.get_status_display())

    @display(description="Data")
    def payload(self, delivery: WebhookDelivery) -> str:
        return json.dumps(delivery.event.payload, indent=2, ensure_ascii=False)
