"""Where others were told of a person by name: notifications and webhooks of their organizations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from accounts.models import Notification, Organization, User, WebhookEvent


def forget_mentions(user: User, addresses: Iterable[str]) -> None:
    """Delete what names the person and was told to others, with the record of its delivery.

    Both are kept for a time only anyway; what happened is in the trail, without the name.
    """
    own = Organization.objects.filter(created_by=user, is_personal=True)
    _delete(Notification.objects.all(), user, addresses, own, "title", "text")
    events = WebhookEvent.objects.annotate(told=Cast("payload", TextField()))
    _delete(events, user, addresses, own, "told")


def _delete(
    rows: QuerySet[Any],
    user: User,
    addresses: Iterable[str],
    own: QuerySet[Organization],
    *columns: str,
) -> None:
    named = Q(organization__in=own)
    if rows.model is Notification:
        named |= Q(user=user)
    words = {*addresses, str(user.pk)} | ({user.full_name} if user.last_name else set())
    for column in columns:
        for word in words:
            named |= Q(**{f"{column}__icontains": word})
    rows.filter(named).delete()
