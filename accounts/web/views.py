"""Security at a glance, and the organization one acts for."""

from __future__ import annotations

from collections import Counter
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.middleware import SESSION_KEY
from accounts.models import AuditLog
from accounts.rules.trail import API_SIGN_IN, SIGN_INS
from accounts.services.factors import SECOND_FACTORS
from accounts.services.sessions import sessions_of
from accounts.web.browsers import browser_name
from config.kit.errors import NotFound
from config.kit.ids import as_uuid

SIGN_INS_SHOWN = 10


@login_required
@require_GET
def security(request: Any) -> HttpResponse:
    """Password, addresses, factors, connections, sessions and the latest sign-ins at a glance."""
    user = request.user
    kinds = Counter(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    signs = AuditLog.objects.about("accounts_user", user.pk).filter(action__in=SIGN_INS)
    facts = {
        "has_password": user.has_usable_password(),
        "has_app": bool(kinds[Authenticator.Type.TOTP]),
        "keys": kinds[Authenticator.Type.WEBAUTHN],
        "has_second_factor": any(kinds[kind] for kind in SECOND_FACTORS),
        "has_recovery_codes": bool(kinds[Authenticator.Type.RECOVERY_CODES]),
        "sessions": sessions_of(user).count(),
        "connections": SocialAccount.objects.filter(user=user).count(),
        "offers_connections": bool(get_adapter().list_providers(request)),
        "sign_ins": [
            (entry, browser_name(entry.user_agent or ""), _where(entry))
            for entry in signs[:SIGN_INS_SHOWN]
        ],
    }
    return render(request, "accounts/security.html", facts)


def _where(entry: AuditLog) -> str:
    address = entry.ip or "Unknown address"
    return f"{address}, by the API" if entry.action == API_SIGN_IN else address


@login_required
@require_POST
def switch_organization(request: Any) -> HttpResponse:
    """Act for another organization from now on; a stranger's looks like none."""
    wanted = as_uuid(request.POST.get("organization", ""))
    for membership in request.memberships:
        if membership.organization_id == wanted:
            request.session[SESSION_KEY] = str(wanted)
            messages.success(request, f"You now act for {membership.organization}.")
            return redirect("overview")
    raise NotFound
