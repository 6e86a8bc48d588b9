"""The chain of seals and what watching the trail has found: looked at, resolved."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.timezone import now
from unfold.decorators import display

from accounts.models import Seal, TrailAlert
from accounts.services import audit
from accounts.services.seals.sealing import seal_lag
from accounts.services.seals.watching import resolve
from config.kit.asking import AskedAction
from config.kit.backoffice import NamedSet, StaffAdmin, tag
from config.kit.lists import CappedPaginator


@admin.register(Seal)
class SealAdmin(StaffAdmin):
    list_display = ("seq", "at", "row_count", "span", "kind", "key_id", "head")
    list_filter = ("kind",)
    ordering = ("-seq",)
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by = ()
    list_before_template = "backoffice/seals_state.html"
    fieldsets = (
        (None, {"fields": (("seq", "kind"), ("sealed_at", "key_id"), "row_count")}),
        ("Covers", {"fields": (
            ("first_id", "last_id"), ("first_at", "last_at"), ("from_txid", "until_txid"),
            ("after_id", "covered_id", "upto_id"),
        )}),
        ("Proof", {"fields": ("head", "before", "digest", "mac", ("canon_version", "system_id"))}),
    )  # fmt: skip
    readonly_fields = ("head", "before", "digest")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        waits = seal_lag(now())
        facts: dict[str, Any] = {
            "head": Seal.objects.order_by("-seq").first(),
            "lag_minutes": int(waits.total_seconds() // 60),
            "alerts": list(TrailAlert.objects.filter(resolved_at=None)),
        }
        return super().changelist_view(request, {**facts, **(extra_context or {})})

    @display(description="Sealed (UTC)")
    def at(self, seal: Seal) -> str:
        return f"{seal.sealed_at:%Y-%m-%d %H:%M:%S}"

    @display(description="Entries")
    def span(self, seal: Seal) -> str:
        return f"{seal.first_id} to {seal.last_id}" if seal.first_id else "-"

    @display(description="Hash")
    def head(self, seal: Seal) -> str:
        return bytes(seal.hash).hex()

    @display(description="Hash of the seal before")
    def before(self, seal: Seal) -> str:
        return bytes(seal.previous).hex()

    @display(description="Digest of the rows")
    def digest(self, seal: Seal) -> str:
        return bytes(seal.rows_digest).hex()


@admin.register(TrailAlert)
class TrailAlertAdmin(StaffAdmin):
    list_display = ("what", "detail", "created_at", "seen_at", "resolved_at")
    list_filter = ("kind",)
    search_fields = ("detail",)
    search_help_text = "A word of what was found"
    ordering = ("-created_at",)
    fieldsets = ((None, {"fields": ("kind", "detail", ("created_at", "seen_at", "resolved_at"))}),)
    attention = (NamedSet("open", "Open", lambda rows, at: rows.filter(resolved_at=None)),)
    asked_actions = (
        AskedAction(
            "resolve",
            "Resolve",
            permission="accounts.resolve_trailalert",
            effect="It leaves the front page. If the cause is still there, a new one opens.",
            work=lambda found, reason: _resolve(found, reason),
            applies=lambda found: found.resolved_at is None,
            icon="task_alt",
        ),
    )

    @display(description="Alert", ordering="kind")
    def what(self, found: TrailAlert) -> SafeString:
        return tag("failed" if found.resolved_at is None else "handled", str(found))


def _resolve(found: TrailAlert, reason: str) -> None:
    resolve(found, at=now())
    audit.record("trail_alert.resolved", found, reason=reason, kind=found.kind)
