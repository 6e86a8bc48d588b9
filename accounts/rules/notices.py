"""What people are told of: the kinds of notifications, who hears of each, and how by default."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `needs` is the permission that somebody must hold to hear of it.

    `in_app`, `email` and `webhook` are what happens where nobody has made a rule; of a `fixed`
    kind nobody makes one: whoever stole a session must not switch the warning off.
    """

    name: str
    label: str
    description: str
    needs: str = "view"
    in_app: bool = True
    email: bool = False
    webhook: bool = False
    fixed: bool = False


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "payment_failed", "Payment failed", "A payment was declined or could not be made.",
            needs="manage_billing", email=True,
        ),
        Kind("invoice_paid", "Invoice paid", "A payment arrived.", needs="manage_billing"),
        Kind(
            "subscription_ended", "Subscription ended", "A subscription has run out.",
            needs="manage_billing", email=True,
        ),
        Kind(
            "license_expiring", "License expires soon", "A license ends within 14 days.",
            email=True,
        ),
        Kind(
            "license_suspended", "License suspended", "A license is on hold; its devices are refused.",
            email=True,
        ),
        Kind(
            "trial_ending", "Trial ends", "A trial ends within 3 days, or has ended.", email=True,
        ),
        Kind(
            "webhook_disabled", "Webhook disabled",
            "An endpoint failed for days and is no longer called.", needs="manage_webhooks",
            email=True,
        ),
        Kind("member_joined", "Member joined", "Somebody accepted an invitation."),
        Kind(
            "quota_reached", "Quota nearly used", "Usage passed 80 or 100 percent of a limit.",
            email=True,
        ),
        Kind(
            "export_ended", "Export ready",
            "A file you asked for is ready, or could not be made.", email=True,
        ),
        Kind(
            "job_ended", "Job done",
            "What you asked of many things at once is done, or was for some of them refused.",
        ),
        Kind(
            "new_sign_in", "New sign-in", "Your account was used from a device not seen before.",
            email=True,
        ),
        Kind(
            "session_stolen", "Session ended as stolen",
            "A token or code of yours was used twice, so what came of it was ended.",
            email=True, fixed=True,
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Channels:
    in_app: bool
    email: bool
    webhook: bool = False


def channels_for(kind: Kind, *rules: Channels | None) -> Channels:
    """Return how a kind reaches somebody: the first rule there is, or the default."""
    fallback = Channels(kind.in_app, kind.email, kind.webhook)
    if kind.fixed:
        return fallback
    return next((rule for rule in rules if rule is not None), fallback)
