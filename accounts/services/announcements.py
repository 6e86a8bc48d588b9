"""How the ground floor's happenings are told: to webhooks in stable shapes, to people in words."""

from __future__ import annotations

import re
from typing import Any

from django.urls import reverse

from accounts.models import ApiKey, AuditLog, BulkJob, DataExport, Membership, User
from accounts.rules.event_types import written
from accounts.rules.trail import SIGN_INS
from accounts.services.bulk import action_of
from accounts.services.notifications import notify
from accounts.services.webhooks import announce
from config.kit import context

_REMEMBERED = 200
_VERSION = re.compile(r"[0-9][0-9._]*")


def member_joined(membership: Membership) -> None:
    announce(membership.organization_id, "member.joined", _member(membership))
    notify(
        membership.organization_id,
        "member_joined",
        title=f"{membership.user.full_name} joined",
        text=f"Their role: {membership.get_role_display().lower()}.",
        url="/team/",
        source=f"member_joined:{membership.pk}",
    )


def member_role_changed(membership: Membership, *, before: str) -> None:
    payload = _member(membership) | {"former_role": before}
    announce(membership.organization_id, "member.role_changed", payload)


def member_removed(membership: Membership) -> None:
    announce(membership.organization_id, "member.removed", _member(membership))


def api_key_changed(key: ApiKey, *, change: str) -> None:
    announce(
        key.organization_id,
        f"api_key.{change}",
        {
            "id": str(key.pk),
            "name": key.name,
            "prefix": key.prefix,
            "environment": key.environment,
            "scopes": list(key.scopes),
            "tier": key.tier,
            "status": key.status,
            "expires_at": written(key.expires_at) if key.expires_at else None,
        },
    )


def signed_in(user: User) -> None:
    """Tell a person when somebody signs in as them, on a page or by the API, with a new program.

    Programs are told apart without their version numbers; the very first sign-in is no news.
    Call it before the sign-in itself is recorded.
    """
    here = context.current()
    program = _family(here.user_agent if here else "")
    past = AuditLog.objects.about("accounts_user", user.pk)
    # A program that signs in every hour leaves room for browsers.
    known = {
        _family(each or "")
        for action in SIGN_INS
        for each in past.filter(action=action).values_list("user_agent", flat=True)[:_REMEMBERED]
    }
    if not known or program in known:
        return
    membership = _oldest_membership(user)
    if membership is None:
        return
    notify(
        membership.organization_id,
        "new_sign_in",
        title="New sign-in to your account",
        text=f"From a device not seen before, {_address()}. "
        "If that was not you, change your password and end the session.",
        url="/security/",
        severity="warning",
        user_id=user.pk,
    )


def session_stolen(user: User, *, client_name: str) -> bool:
    """Owe the person a mail about it; False for one who is in no organization."""
    membership = _oldest_membership(user)
    if membership is None:
        return False
    notify(
        membership.organization_id,
        "session_stolen",
        title=f"{client_name} was signed out of your account",
        text="A sign-in of this app was used twice, from two places. One of them may not be you, "
        "so we signed it out. If you restored the app from a backup or copied it, sign in again. "
        "Otherwise change your password, and look at what is signed in as you.",
        url=reverse("tokens"),
        severity="critical",
        user_id=user.pk,
    )
    return True


def data_export_ended(export: DataExport) -> None:
    """Tell who asked for a file that it is there, or that it cannot be had."""
    home = export.organization_id
    if home is None:
        membership = _oldest_membership(export.user)
        if membership is None:
            return
        home = membership.organization_id
    is_ready = export.status == DataExport.Status.READY
    what = f"The export {export.list_name}" if export.list_path else "Your copy of data"
    notify(
        home,
        "export_ended",
        title=f"{what} is ready" if is_ready else f"{what} could not be made",
        text="It is kept for a week." if is_ready else export.failure,
        url=reverse("exports" if export.list_path else "data_exports"),
        severity="info" if is_ready else "warning",
        user_id=export.user_id,
        source=f"export_ended:{export.pk}",
    )


def bulk_job_ended(job: BulkJob) -> None:
    """Tell who asked for it last how it went."""
    action = action_of(job.action)
    notify(
        job.organization_id,
        "job_ended",
        title=f"{action.label if action else job.action}: {_came_of(job)}",
        url=reverse("job", args=[job.pk]),
        severity="warning" if job.failed else "info",
        user_id=job.user_id,
        source=f"job_ended:{job.pk}:{job.asked_at.isoformat()}",
    )


def _came_of(job: BulkJob) -> str:
    return f"{job.failed:,} of {job.total:,} failed" if job.failed else f"{job.total:,} done"


def _oldest_membership(user: User) -> Membership | None:
    with context.acting(user_id=user.pk):
        return Membership.objects.filter(user=user).order_by("created_at").first()


def _address() -> str:
    here = context.current()
    return f"at {here.ip}" if here and here.ip else "at an unknown address"


def _family(user_agent: str) -> str:
    return _VERSION.sub("", user_agent)


def _member(membership: Membership) -> dict[str, Any]:
    return {
        "user": str(membership.user_id),
        "organization": str(membership.organization_id),
        "email": membership.user.email,
        "role": str(membership.role),
    }
