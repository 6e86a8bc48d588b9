"""ADM-5: seeing the customer site as a customer, from their page in the back office."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from accounts.models import User
from accounts.services import impersonation
from config.kit import context
from config.kit.asking import AskedAction


def _ask(user: User, reason: str) -> str:
    here = context.current()
    assert here is not None, "RequestContextMiddleware comes first"
    staff = User.objects.get(pk=here.actor_id)
    return impersonation.ask_to_look(staff, user, reason=reason)


def _address(token: Any) -> str:
    return f"{settings.SITE_URL}/support-view/?{urlencode({'token': token})}"


LOOK = AskedAction(
    "look",
    "View as customer",
    permission=impersonation.PERMISSION,
    effect="For 30 minutes you see the customer site as this person does. You can change nothing "
    "and see no secret. They read in their audit log that support looked, and why.",
    work=_ask,
    applies=lambda user: user.is_active and user.role == User.Role.CUSTOMER,
    icon="visibility",
    leads_to=_address,
)
