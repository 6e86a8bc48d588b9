"""Reading: what one member sees, what is new to them, and how they want to be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Membership, Notification, NotificationRead, NotificationRule
from accounts.models.notification import NotificationQuerySet
from accounts.rules.notices import KINDS, Channels, Kind
from config.kit.errors import NotFound

KEPT = timedelta(days=90)
MOST_COUNTED = 100
_BATCH = 2000


def visible_to(membership: Membership) -> NotificationQuerySet:
    """Return what this member is to see: since they joined, of kinds that their role may know."""
    kinds = [kind.name for kind in kinds_for(membership)]
    rows: NotificationQuerySet = Notification.objects.for_organization(membership.organization_id)
    shown = rows.for_user(membership.user_id, kinds).following_rules(membership.user_id)
    return shown.filter(created_at__gte=membership.created_at)


def kinds_for(membership: Membership) -> list[Kind]:
    return [kind for kind in KINDS.values() if membership.allows(kind.needs)]


def ruled_kinds(membership: Membership) -> list[Kind]:
    """Return the kinds that rules may be made for."""
    return [kind for kind in kinds_for(membership) if not kind.fixed]


def count_unread(membership: Membership) -> int:
    """Return how many are new, 100 standing for more; one query."""
    return visible_to(membership).unread(membership.user_id).order_by()[:MOST_COUNTED].count()


@transaction.atomic
def mark_read(membership: Membership, *, notification: Notification) -> None:
    """Note that this person has read it; a second time changes nothing."""
    _mark(membership, [notification])


@transaction.atomic
def mark_all_read(membership: Membership) -> int:
    """Note that this person has read everything there is; return how many were new."""
    new = list(visible_to(membership).unread(membership.user_id).only("id"))
    _mark(membership, new)
    return len(new)


def _mark(membership: Membership, notifications: list[Notification]) -> None:
    NotificationRead.objects.bulk_create(
        (
            NotificationRead(
                organization_id=membership.organization_id,
                notification=notification,
                user_id=membership.user_id,
            )
            for notification in notifications
        ),
        ignore_conflicts=True,
        batch_size=500,
    )


def rules_of(membership: Membership, *, everybody: bool) -> dict[str, Channels]:
    """Return how each kind reaches this person, or those who made no rule of their own."""
    rows = NotificationRule.objects.for_organization(membership.organization_id)
    made = {
        (rule.user_id, rule.kind): Channels(rule.in_app, rule.email, rule.webhook)
        for rule in rows
        if rule.user_id in (None, membership.user_id)
    }
    chosen: dict[str, Channels] = {}
    for kind in ruled_kinds(membership):
        common = made.get((None, kind.name))
        own = None if everybody else made.get((membership.user_id, kind.name))
        fallback = Channels(kind.in_app, kind.email, kind.webhook)
        chosen[kind.name] = own or common or fallback
    return chosen


@transaction.atomic
def set_rule(membership: Membership, *, kind: str, channels: Channels, everybody: bool) -> None:
    """Store how a kind is to reach this person, or everybody (who makes no rule of their own)."""
    if kind not in {each.name for each in ruled_kinds(membership)}:
        raise NotFound
    NotificationRule.objects.update_or_create(
        organization_id=membership.organization_id,
        user=None if everybody else membership.user,
        kind=kind,
        defaults={
            "in_app": channels.in_app,
            "email": channels.email,
            "webhook": channels.webhook and everybody,
        },
    )


@transaction.atomic
def set_rules(membership: Membership, *, chosen: dict[str, Channels], everybody: bool) -> None:
    """Store what is chosen anew; who chooses for a kind what everybody has, follows everybody."""
    common = rules_of(membership, everybody=True)
    known = rules_of(membership, everybody=everybody)
    followed = []
    for kind, channels in chosen.items():
        if not everybody and channels == replace(common[kind], webhook=False):
            followed.append(kind)
        elif channels != known[kind]:
            set_rule(membership, kind=kind, channels=channels, everybody=everybody)
    _own_rules(membership).filter(kind__in=followed).delete()


@transaction.atomic
def forget_rules(membership: Membership) -> None:
    """Let everybody's rules hold for this person again."""
    _own_rules(membership).delete()


def _own_rules(membership: Membership) -> QuerySet[NotificationRule]:
    rules = NotificationRule.objects.for_organization(membership.organization_id)
    return rules.filter(user_id=membership.user_id)


def forget_old(*, at: datetime) -> int:
    """Delete notifications older than 90 days, a batch a transaction; return how many."""
    gone = 0
    old = Notification.objects.filter(created_at__lt=at - KEPT).order_by()
    while keys := list(old.values_list("pk", flat=True)[:_BATCH]):
        Notification.objects.filter(pk__in=keys).delete()
        gone += len(keys)
    return gone
