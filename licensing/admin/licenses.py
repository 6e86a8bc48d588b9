"""Licensing in the back office: licenses and devices, held, released and ended by staff."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, ShowFacets
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.timezone import now
from unfold.decorators import display
from unfold.views import ChangeList

from accounts.services import audit
from config.kit.asking import AskedAction, Export
from config.kit.backoffice import NamedSet, StaffAdmin, StaffInline, row_link, tag
from licensing.models import DeviceLink, License
from licensing.rules.transitions import SuspendedReason
from licensing.services import devices, licenses
from licensing.services.presence import online_devices

Status = License.Status


def _suspend(license: License, reason: str) -> None:
    licenses.suspend_license(license, reason=SuspendedReason.OPERATOR)
    audit.record("license.suspended", license, reason=reason)


def _reinstate(license: License, reason: str) -> None:
    licenses.reinstate_license(license)
    audit.record("license.reinstated", license, reason=reason)


def _revoke(license: License, reason: str) -> None:
    licenses.revoke_license(license)
    audit.record("license.revoked", license, reason=reason)


def _deactivate(link: DeviceLink, reason: str) -> None:
    devices.deactivate_device(link, at=now())
    audit.record("device.deactivated_by_staff", link, reason=reason)


class DeviceInline(StaffInline):
    model = DeviceLink
    verbose_name_plural = "devices"
    fields = ("link", "device_id", "platform", "state", "last_seen_at", "activated_at")
    readonly_fields = fields
    ordering = ("deactivated_at", "-activated_at")
    tab = False

    @display(description="Name")
    def link(self, device: DeviceLink) -> str:
        return row_link(device, device.name)

    @display(description="State")
    def state(self, device: DeviceLink) -> str:
        return tag("active", "Active") if device.is_active else tag("ended", "Deactivated")


@admin.register(License)
class LicenseAdmin(StaffAdmin):
    list_display = (
        "masked_key", "organization", "product", "plan", "state", "seats", "expires_at",
        "last_validated_at",
    )  # fmt: skip
    list_filter = (
        "status", "product", "suspended_reason",
        ("created_at", DateFieldListFilter), ("expires_at", DateFieldListFilter),
    )  # fmt: skip
    list_select_related = ("organization", "product")
    search_fields = ("=display_key", "organization__name", "product__name", "plan")
    search_help_text = "Last six of the key, organization, product or plan"
    ordering = ("-id",)
    inlines = (DeviceInline,)
    fieldsets = (
        (None, {"fields": ("masked_key", "organization", "subscription", ("product", "plan"))}),
        (
            "Standing",
            {"fields": (("state", "suspended_reason"), "seats", ("starts_at", "expires_at"))},
        ),
        (
            "Record",
            {
                "fields": (
                    "id",
                    ("version", "published_version"),
                    ("created_at", "last_validated_at"),
                )
            },
        ),
    )
    readonly_fields = ("masked_key", "state", "seats")
    attention = (
        NamedSet("expiring_30d", "Expiring in 30 days", lambda rows, at: rows.expiring(at)),
        NamedSet("suspended", "Suspended", lambda rows, at: rows.suspended()),
    )
    asked_actions = (
        AskedAction(
            "suspend",
            "Suspend",
            permission="licensing.suspend_license",
            effect="Devices keep their seats and are refused at their next question, until "
            "somebody reinstates the license.",
            work=_suspend,
            applies=lambda license: license.status == Status.ACTIVE,
            danger=True,
            icon="pause_circle",
        ),
        AskedAction(
            "reinstate",
            "Reinstate",
            permission="licensing.suspend_license",
            effect="Devices are served again at their next question.",
            work=_reinstate,
            applies=lambda license: license.status == Status.SUSPENDED,
            icon="play_circle",
        ),
        AskedAction(
            "revoke",
            "Revoke for good",
            permission="licensing.revoke_license",
            effect="The key never works again and nothing brings it back; the customer needs a "
            "new license. The subscription goes on until it is cancelled.",
            work=_revoke,
            applies=lambda license: license.status != Status.REVOKED,
            danger=True,
            icon="delete_forever",
        ),
    )
    export = Export(
        permission="licensing.export_license",
        columns={
            "id": "id", "key_ends_with": "display_key", "organization": "organization__name",
            "product": "product__name", "plan": "plan", "status": "status",
            "max_devices": "max_devices", "starts_at": "starts_at", "expires_at": "expires_at",
        },
        record=audit.record,
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        active = DeviceLink.objects.active().filter(license=OuterRef("pk")).order_by()
        used = active.values("license").annotate(used=Count("pk")).values("used")
        return super().get_queryset(request).annotate(seats_used=Coalesce(Subquery(used), 0))

    def get_search_results(self, request: HttpRequest, queryset: Any, text: str) -> Any:
        """A whole key typed in finds its license by the end; the rest of it is not looked at."""
        bare = text.strip().upper()
        if bare.startswith("SWY-"):
            text = bare.replace("-", "")[-6:]
        return super().get_search_results(request, queryset, text)

    @display(description="Key", ordering="display_key")
    def masked_key(self, license: License) -> str:
        return license.masked_key

    @display(description="Status", ordering="status")
    def state(self, license: License) -> str:
        state = license.state(now())
        return tag(state, state.title())

    @display(description="Seats")
    def seats(self, license: Any) -> str:
        return f"{license.seats_used} of {license.max_devices}"


class DeviceList(ChangeList):
    """Adds who is online to the page's rows: one question to Redis a page."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = with_presence(list(self.result_list))


def with_presence(links: list[Any]) -> list[Any]:
    """Set `is_online` on each device."""
    online = online_devices([link.pk for link in links if link.is_active])
    for link in links:
        link.is_online = link.pk in online
    return links


@admin.register(DeviceLink)
class DeviceLinkAdmin(StaffAdmin):
    list_display = (
        "name", "organization", "license", "platform", "app_version", "state", "last_seen_at",
    )  # fmt: skip
    list_filter = (
        "platform",
        ("deactivated_at", admin.EmptyFieldListFilter),
        ("activated_at", DateFieldListFilter),
    )
    list_select_related = ("organization", "license")
    search_fields = (
        "name", "device_id", "hostname", "organization__name", "=license__display_key",
    )  # fmt: skip
    search_help_text = "Name, device id, organization or last six of the key"
    ordering = ("-id",)
    show_facets = ShowFacets.ALLOW
    fieldsets = (
        (None, {"fields": ("name", "device_id", "license", "organization", "state")}),
        ("The machine", {"fields": (("platform", "hostname"), ("app_version", "ip"))}),
        ("When", {"fields": (("activated_at", "last_seen_at", "deactivated_at"),)}),
        ("Record", {"fields": ("id", "created_at")}),
    )
    readonly_fields = ("state",)
    asked_actions = (
        AskedAction(
            "deactivate",
            "Deactivate",
            permission="licensing.deactivate_devicelink",
            effect="The seat is free at once and the token is dead. The program may activate it "
            "again with the key, if a seat is free.",
            work=_deactivate,
            applies=lambda link: link.is_active,
            danger=True,
            icon="phonelink_erase",
        ),
    )
    export = Export(
        permission="licensing.export_devicelink",
        columns={
            "id": "id", "name": "name", "device_id": "device_id",
            "organization": "organization__name", "key_ends_with": "license__display_key",
            "platform": "platform", "app_version": "app_version", "activated": "activated_at",
            "last_seen": "last_seen_at", "deactivated": "deactivated_at",
        },
        record=audit.record,
    )  # fmt: skip

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return DeviceList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        link = super().get_object(request, object_id, from_field)
        return with_presence([link])[0] if link else None

    @display(description="State")
    def state(self, link: Any) -> str:
        if not link.is_active:
            return tag("ended", "Deactivated")
        return tag("online", "Online") if link.is_online else tag("offline", "Offline")
