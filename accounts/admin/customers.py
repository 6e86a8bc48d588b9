"""People and customers: looked at, suspended, reinstated."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin import DateFieldListFilter
from django.db.models import Count, Exists, OuterRef, Subquery
from django.http import HttpRequest
from unfold.decorators import display

from accounts.admin.looking import LOOK
from accounts.admin.roles import CHANGE_ROLE, RESET_FACTOR
from accounts.models import Membership, Organization, User
from accounts.services import audit, closing, suspension
from accounts.services.factors import SECOND_FACTORS, enrolled
from config.kit.asking import AskedAction, Export
from config.kit.backoffice import NamedSet, StaffAdmin, StaffInline, status_column

NEW = timedelta(days=7)
_VERIFIED = Exists(EmailAddress.objects.filter(user=OuterRef("pk"), primary=True, verified=True))


class MemberInline(StaffInline):
    model = Membership
    verbose_name_plural = "members"
    fields = ("user", "role", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user")


class MembershipInline(StaffInline):
    model = Membership
    verbose_name_plural = "organizations"
    fields = ("organization", "role", "created_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("organization")


class UserAdmin(StaffAdmin):
    """Registered by `support`, which adds what the upper storeys know of a person."""

    list_display = (
        "email",
        "name",
        "role",
        "state",
        "has_second_factor",
        "customers",
        "created_at",
    )
    list_filter = ("status", "role", "is_superuser", ("created_at", DateFieldListFilter))
    search_fields = ("email", "first_name", "last_name")
    search_elsewhere = (
        lambda word: Membership.objects.filter(organization__name__icontains=word).values("user"),
    )
    search_help_text = "E-mail, name or organization"
    ordering = ("-id",)
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("email", ("first_name", "last_name"), "phone", "time_zone")}),
        (
            "Standing",
            {
                "fields": (
                    ("state", "role"), ("has_second_factor", "has_verified_email"), "is_superuser",
                )
            },
        ),
        ("Record", {"fields": ("id", ("created_at", "last_login"))}),
    )  # fmt: skip
    readonly_fields = ("state", "has_second_factor", "has_verified_email")
    attention = (
        NamedSet(
            "new_7d",
            "Signed up in 7 days",
            lambda users, at: users.filter(created_at__gte=at - NEW, role=User.Role.CUSTOMER),
        ),
        NamedSet(
            "staff_without_factor",
            "Staff without a second factor",
            lambda users, at: users.exclude(role=User.Role.CUSTOMER).exclude(
                pk__in=Authenticator.objects.filter(type__in=SECOND_FACTORS).values("user")
            ),
        ),
    )
    asked_actions = (
        AskedAction(
            "suspend",
            "Suspend",
            permission="accounts.suspend_user",
            effect="They are signed out everywhere at once and cannot sign in again. What their "
            "organizations own stays as it is.",
            work=lambda user, reason: suspension.suspend_user(user, reason=reason),
            applies=lambda user: user.is_active and not user.is_superuser,
            danger=True,
            icon="block",
        ),
        AskedAction(
            "reinstate",
            "Reinstate",
            permission="accounts.suspend_user",
            effect="They may sign in again, with the password and second factor they had.",
            work=lambda user, reason: suspension.reinstate_user(user, reason=reason),
            applies=lambda user: user.status == User.Status.SUSPENDED,
            icon="undo",
        ),
        LOOK,
        RESET_FACTOR,
        CHANGE_ROLE,
    )
    export = Export(
        permission="accounts.export_user",
        columns={
            "id": "id", "email": "email", "first_name": "first_name", "last_name": "last_name",
            "role": "role", "status": "status", "created": "created_at", "last_login": "last_login",
        },
        record=audit.record,
    )  # fmt: skip
    state = status_column

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .annotate(enrolled=enrolled(), verified=_VERIFIED)
            .prefetch_related("memberships__organization")
        )

    @display(description="Name")
    def name(self, user: User) -> str:
        return f"{user.first_name} {user.last_name}".strip() or "-"

    @display(description="Second factor", boolean=True, ordering="enrolled")
    def has_second_factor(self, user: Any) -> bool:
        return bool(user.enrolled)

    @display(description="E-mail confirmed", boolean=True)
    def has_verified_email(self, user: Any) -> bool:
        return bool(user.verified)

    @display(description="Organizations")
    def customers(self, user: User) -> str:
        names = [membership.organization.name for membership in user.memberships.all()]
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class OrganizationAdmin(StaffAdmin):
    """Registered by `support`, which adds what the upper storeys know of a customer."""

    list_display = ("name", "country", "tier", "state", "members", "created_at")
    list_filter = (
        "status",
        "subscription_tier",
        "is_personal",
        ("created_at", DateFieldListFilter),
    )
    search_fields = ("name",)
    search_elsewhere = (
        lambda word: Membership.objects.filter(user__email__icontains=word).values("organization"),
    )
    search_help_text = "Name, a member's e-mail or id"
    # Keys are made in the order of time, so the newest come first without a sort.
    ordering = ("-id",)
    inlines: ClassVar[Any] = (MemberInline,)
    fieldsets = (
        (None, {"fields": ("name", ("country", "subscription_tier"), ("state", "is_personal"))}),
        ("Record", {"fields": ("id", "created_by", ("created_at", "welcomed_at"))}),
    )
    readonly_fields = ("state",)
    list_select_related = ("created_by",)
    attention = (
        NamedSet(
            "suspended",
            "Suspended",
            lambda rows, at: rows.filter(status=Organization.Status.SUSPENDED),
        ),
        NamedSet(
            "closed",
            "Closed",
            lambda rows, at: rows.filter(status=Organization.Status.CLOSED),
        ),
    )
    asked_actions = (
        AskedAction(
            "suspend",
            "Suspend",
            permission="accounts.suspend_organization",
            effect="Members may still look but change nothing, and the API refuses them. "
            "Subscriptions go on until they are cancelled.",
            work=lambda row, reason: suspension.suspend_organization(row, reason=reason),
            applies=lambda row: row.status == Organization.Status.ACTIVE,
            danger=True,
            icon="block",
        ),
        AskedAction(
            "reinstate",
            "Reinstate",
            permission="accounts.suspend_organization",
            effect="Members may act again, as their roles allow.",
            work=lambda row, reason: suspension.reinstate_organization(row, reason=reason),
            applies=lambda row: row.status == Organization.Status.SUSPENDED,
            icon="undo",
        ),
        AskedAction(
            "restore",
            "Restore",
            permission="accounts.restore_organization",
            effect="Its members find it again, as their roles allow, and licenses that only the "
            "closing ended work again. Keys, invitations and trials stay ended; members enable "
            "webhook endpoints again.",
            work=lambda row, reason: closing.restore_organization(row, reason=reason),
            applies=lambda row: row.status == Organization.Status.CLOSED,
            icon="restore",
        ),
    )
    export = Export(
        permission="accounts.export_organization",
        columns={
            "id": "id", "name": "name", "country": "country", "tier": "subscription_tier",
            "status": "status", "created": "created_at",
        },
        record=audit.record,
    )  # fmt: skip
    state = status_column

    def get_queryset(self, request: HttpRequest) -> Any:
        members = Membership.objects.filter(organization=OuterRef("pk")).order_by()
        size = members.values("organization").annotate(size=Count("pk")).values("size")
        return super().get_queryset(request).annotate(size=Subquery(size))

    @display(description="Tier", ordering="subscription_tier")
    def tier(self, row: Organization) -> str:
        return row.get_subscription_tier_display()

    @display(description="Members", ordering="size")
    def members(self, row: Any) -> int:
        return row.size or 0
