"""The webhook inbox: what the payment vendor sent, and what became of it."""

from __future__ import annotations

import json
from datetime import timedelta

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from django.utils.html import format_html
from django.utils.timezone import now
from unfold.decorators import display

from accounts.services import audit
from billing.models import StripeEvent
from billing.services import inbox
from config.kit.asking import AskedAction
from config.kit.backoffice import NamedSet, StaffAdmin, tag
from config.kit.lists import CappedPaginator

LATE = timedelta(minutes=2)


def _replay(event: StripeEvent, reason: str) -> None:
    inbox.replay(event, at=now())
    audit.record("stripeevent.replayed", event, type=event.type, reason=reason)


@admin.register(StripeEvent)
class StripeEventAdmin(StaffAdmin):
    list_display = ("received_at", "type", "state", "object_id", "attempts", "error_start")
    list_display_links = ("received_at", "type")
    list_filter = (
        "type",
        ("handled_at", admin.EmptyFieldListFilter),
        ("received_at", DateFieldListFilter),
    )
    search_fields = ("event_id", "object_id", "type")
    search_help_text = "The vendor's event or object id"
    paginator = CappedPaginator
    show_full_result_count = False
    ordering = ("-received_at",)
    fieldsets = (
        (None, {"fields": ("event_id", "type", "object_id", "state")}),
        ("Handling", {"fields": (("attempts", "next_try_at", "handled_at"), "error")}),
        ("Payload", {"fields": (("created", "received_at"), "pretty_payload")}),
    )
    readonly_fields = ("state", "pretty_payload")
    attention = (
        NamedSet(
            "failing",
            "Failing",
            lambda rows, at: rows.filter(handled_at=None).exclude(error=""),
        ),
        NamedSet(
            "unhandled",
            "Waiting for more than 2 minutes",
            lambda rows, at: rows.filter(error="", handled_at=None, received_at__lt=at - LATE),
        ),
    )
    asked_actions = (
        AskedAction(
            "replay",
            "Replay",
            permission="billing.replay_stripeevent",
            effect="A worker asks the vendor again how the object stands and records that. "
            "Applying an event twice is harmless.",
            work=_replay,
            icon="replay",
        ),
    )

    @display(description="State")
    def state(self, event: StripeEvent) -> str:
        if event.handled_at is not None:
            return tag("handled", "Handled")
        return tag("failed", "Failing") if event.error else tag("waiting", "Waiting")

    @display(description="Error")
    def error_start(self, event: StripeEvent) -> str:
        return event.error[:60] or "-"

    @display(description="Payload")
    def pretty_payload(self, event: StripeEvent) -> str:
        text = json.dumps(event.payload, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="bo-json" tabindex="0">{}</pre>', text)
