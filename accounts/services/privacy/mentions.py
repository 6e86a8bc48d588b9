"""Where others were told of a person by name: notifications, webhooks and jobs of their organizations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Func, Q, TextField

from accounts.models import (
    ApiKey,
    AuditLog,
    BulkItem,
    BulkJob,
    Membership,
    Notification,
    Organization,
    User,
    WebhookEvent,
)

_WHOLE = r"(?<![\w.+-]){}(?![\w+-]|\.\w)"
"""Ann Li is not in Joann Li, ann@x.com neither in jo.ann@x.com nor in ann@x.com.au."""


class _Texts(Func):
    """Every text of a JSON document on a line of its own, without names of fields and quotes."""

    template = (
        "(SELECT string_agg(each #>> '{}', chr(10)) FROM jsonb_path_query(%(expressions)s,"
        " 'strict $.** ? (@.type() == \"string\")') each)"
    )
    output_field = TextField()


def forget_mentions(user: User, addresses: Iterable[str]) -> None:
    """Delete what names the person and was told to others, with the record of its delivery.

    Looked for where the person is or was a member; nobody else was told. Both are kept for a time
    only anyway; what happened is in the trail, without the name.
    """
    places, memberships = _belonged(user)
    own = Q(organization__in=Organization.objects.filter(created_by=user, is_personal=True))
    joined = Q(source__in=[f"member_joined:{key}" for key in memberships])
    named = joined | _says(user, addresses, "title") | _says(user, addresses, "text")
    notices = Notification.objects.filter(own | Q(user=user) | Q(organization__in=places) & named)
    told = [str(key) for key in notices.order_by().values_list("pk", flat=True)]
    notices.delete()
    events = WebhookEvent.objects.alias(texts=_Texts("payload"))
    named = Q(payload__id__in=told) | _says(user, addresses, "texts")
    events.filter(own | Q(organization__in=places) & named).delete()
    BulkJob.objects.filter(own).delete()
    _forget_in_jobs(user, addresses, places)


def _forget_in_jobs(user: User, addresses: Iterable[str], places: set[UUID]) -> None:
    """Take the names out of jobs, of those that are under way too, and of what they wrote."""
    items = BulkItem.objects.filter(organization__in=places)
    items.filter(_says(user, addresses, "label")).update(label="")
    items.filter(_says(user, addresses, "error")).update(error="")
    jobs = BulkJob.objects.filter(organization__in=places).alias(texts=_Texts("params"))
    named = jobs.filter(_says(user, addresses, "texts")).order_by("pk")
    words = _words(user, addresses)
    for job in named.select_for_update(no_key=True):
        job.params = _without(words, job.params)
        job.save(update_fields=["params"])
    ended = ApiKey.objects.filter(organization__in=places)
    said = ended.filter(_says(user, addresses, "revoked_reason")).order_by("pk")
    for key in said.select_for_update(no_key=True):
        key.revoked_reason = words.sub("…", key.revoked_reason)
        key.save(update_fields=["revoked_reason"])


def _without(words: re.Pattern[str], document: Any) -> Any:
    """Return a JSON document whose texts have dots in place of the words."""
    match document:
        case str():
            return words.sub("…", document)
        case list():
            return [_without(words, each) for each in document]
        case dict():
            return {name: _without(words, each) for name, each in document.items()}
    return document


def _belonged(user: User) -> tuple[set[UUID], set[str]]:
    """Return the organizations that the person is or was in, and their memberships there."""
    key = str(user.pk)
    trail: Any = AuditLog.objects.filter(
        Q(old_values__user_id=key) | Q(new_values__user_id=key),
        entity_type=Membership._meta.db_table,
    ).values_list("organization_id", "entity_id")
    now = Membership.objects.filter(user=user).values_list("organization_id", "pk")
    found = [*trail.order_by(), *now.order_by()]
    return {place for place, _ in found if place}, {str(each) for _, each in found}


def _says(user: User, addresses: Iterable[str], column: str) -> Q:
    """Match an address or the id, or first and last name together: one of them may be any word."""
    named = Q(**{f"{column}__iregex": _whole(str(user.pk))})
    for address in addresses:
        named |= Q(**{f"{column}__iregex": _whole(address)})
    if user.first_name and user.last_name:
        named |= Q(**{f"{column}__regex": _whole(user.full_name)})
    return named


def _words(user: User, addresses: Iterable[str]) -> re.Pattern[str]:
    """Match what `_says` looks for."""
    found = [f"(?i:{_whole(word)})" for word in (str(user.pk), *addresses)]
    if user.first_name and user.last_name:
        found.append(_whole(user.full_name))
    return re.compile("|".join(found))


def _whole(word: str) -> str:
    return _WHOLE.format(re.escape(word))
