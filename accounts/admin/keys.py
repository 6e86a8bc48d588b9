"""API keys in the back office: looked at, switched off, revoked; the gateway's own let through."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter
from django.http import HttpRequest
from django.utils.timezone import now
from unfold.decorators import display

from accounts.models import ApiAllowance, ApiKey
from accounts.rules.scopes import VERIFY_ANY
from accounts.services import audit, keys
from config.kit.asking import AskedAction, Export
from config.kit.backoffice import NamedSet, StaffAdmin, tag


def _hold(key: ApiKey, reason: str) -> None:
    keys.hold_key(key, reason=reason)


def _release(key: ApiKey, reason: str) -> None:
    keys.release_key(key, reason=reason)


def _revoke(key: ApiKey, reason: str) -> None:
    keys.revoke_key(key, reason=reason)
    audit.record("api_key.revoked_by_staff", key, reason=reason)


def _grant(key: ApiKey, reason: str) -> None:
    keys.grant_platform_verify(key)
    audit.record("api_key.platform_verify_explained", key, reason=reason)


def _withdraw(key: ApiKey, reason: str) -> None:
    keys.withdraw_platform_verify(key)
    audit.record("api_key.platform_verify_explained", key, reason=reason)


@admin.register(ApiKey)
class ApiKeyAdmin(StaffAdmin):
    list_display = (
        "masked_key", "name", "organization", "state", "tier", "last_used_at", "usage_count",
        "expires_at",
    )  # fmt: skip
    list_filter = (
        "status", "is_active", "environment", "tier",
        ("created_at", DateFieldListFilter), ("last_used_at", DateFieldListFilter),
    )  # fmt: skip
    list_select_related = ("organization",)
    search_fields = ("=public_id", "=last4", "name", "organization__name", "external_id")
    search_help_text = "Eight letters after sw_live_, the last four, name or organization"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("masked_key", "organization", "name", "description")}),
        (
            "Rights",
            {"fields": ("scopes", ("tier", "environment"), "allowed_cidrs", "external_id")},
        ),
        (
            "Standing",
            {
                "fields": (
                    ("state", "is_active", "held_reason"),
                    ("expires_at", "overlap_ends_at"),
                    "rotated_to",
                    ("revoked_at", "revoked_reason"),
                )
            },
        ),
        ("Use", {"fields": (("last_used_at", "last_used_ip"), "usage_count")}),
        (
            "Record",
            {
                "fields": (
                    "id", "created_by", "pepper_version", ("version", "published_version"),
                    "created_at",
                )
            },
        ),
    )  # fmt: skip
    readonly_fields = ("masked_key", "state", "held_reason")
    attention = (
        NamedSet("neglected", "Unused for 90 days", lambda rows, at: rows.neglected(at)),
        NamedSet("pending", "Waiting for confirmation", lambda rows, at: rows.pending()),
        NamedSet(
            "platform",
            "May verify every organization's keys",
            lambda rows, at: rows.usable(at).filter(scopes__contains=[VERIFY_ANY]),
        ),
    )
    asked_actions = (
        AskedAction(
            "disable",
            "Switch off",
            permission="accounts.disable_apikey",
            effect="Calls with the key are refused at once, until staff switch it on again. The "
            "customer reads the reason on the key's page.",
            work=_hold,
            applies=lambda key: key.is_active and not key.is_revoked,
            danger=True,
            icon="pause_circle",
        ),
        AskedAction(
            "enable",
            "Switch on",
            permission="accounts.disable_apikey",
            effect="Calls with the key are answered again.",
            work=_release,
            applies=lambda key: not key.is_active and not key.is_revoked,
            icon="play_circle",
        ),
        AskedAction(
            "revoke",
            "Revoke for good",
            permission="accounts.revoke_apikey",
            effect="Calls with the key are refused at once and nothing brings it back. The "
            "customer reads the reason on the key's page.",
            work=_revoke,
            applies=lambda key: not key.is_revoked,
            danger=True,
            icon="delete_forever",
        ),
        AskedAction(
            "grant_platform_verify",
            "Let it verify every organization's keys",
            permission="accounts.grant_platform_verify",
            effect="Whoever holds the key can ask about the keys of all customers. It is meant "
            "for the operator's own gateway and for nobody else.",
            work=_grant,
            applies=lambda key: VERIFY_ANY not in key.scopes and not key.is_revoked,
            danger=True,
            icon="travel_explore",
        ),
        AskedAction(
            "withdraw_platform_verify",
            "Withdraw verifying every organization's keys",
            permission="accounts.grant_platform_verify",
            effect="A gateway that uses the key hears NOT_FOUND for other organizations' keys.",
            work=_withdraw,
            applies=lambda key: VERIFY_ANY in key.scopes and not key.is_revoked,
            danger=True,
            icon="public_off",
        ),
    )
    export = Export(
        permission="accounts.export_apikey",
        columns={
            "id": "id", "organization": "organization__name", "name": "name",
            "public_id": "public_id", "last4": "last4", "status": "status",
            "is_active": "is_active", "tier": "tier", "created_at": "created_at",
            "expires_at": "expires_at", "last_used_at": "last_used_at",
            "usage_count": "usage_count",
        },
        record=audit.record,
    )  # fmt: skip

    @display(description="Key", ordering="public_id")
    def masked_key(self, key: ApiKey) -> str:
        return key.masked_key

    @display(description="State")
    def state(self, key: ApiKey) -> str:
        state = key.state(now())
        return tag(state, state.capitalize())

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("key_hash")


@admin.register(ApiAllowance)
class ApiAllowanceAdmin(StaffAdmin):
    """What organizations have bought; billing writes it."""

    list_display = (
        "organization", "product", "tier", "requests_per_minute", "monthly_quota", "since",
    )  # fmt: skip
    list_filter = ("tier",)
    list_select_related = ("organization",)
    search_fields = ("organization__name", "product")
    search_help_text = "Organization or API"
    ordering = ("-id",)
