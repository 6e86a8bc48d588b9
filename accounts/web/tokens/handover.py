"""Letting an app in: the desktop app on this machine, or a machine that shows a code."""

from __future__ import annotations

from typing import Any

from allauth.core.internal import ratelimit
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods

from accounts.rules.handover import returning
from accounts.rules.sessions import HandoverRefused, SecondFactorMissing
from accounts.services.factors import has_second_factor
from accounts.services.tokens import bridge, device
from accounts.web.browsers import browser_name
from accounts.web.tokens.forms import DeviceCodeForm, HandoverForm
from config.kit.errors import RateLimited

TRIES = {"device_code": "10/5m/user"}
_GONE = "No machine waits with this code. Codes run out after ten minutes."


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def authorize(request: Any) -> HttpResponse:
    """Say which app asks; lead back to it with a one-time code, or with the person's no."""
    asked = _asked(request)
    name = bridge.client_name(asked["client_id"])
    bridge.require_safe(
        redirect_uri=asked["redirect_uri"],
        challenge=asked["code_challenge"],
        method=asked["code_challenge_method"],
    )
    _require_factor_of_staff(request.user)
    if request.method != "POST":
        facts = {"client": name, "address": request.get_full_path()}
        return render(request, "accounts/tokens/handover_ask.html", facts)
    allowed = request.POST.get("answer") == "allow"
    answer = {"code": _code(request, asked)} if allowed else {"error": "access_denied"}
    # A page that leads on instead of a redirect: the site's policy lets no form end elsewhere.
    back = returning(asked["redirect_uri"], asked["state"], **answer)
    facts = {"client": name, "allowed": allowed, "back": back}
    return render(request, "accounts/tokens/handover_done.html", facts)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def device_login(request: Any) -> HttpResponse:
    """Ask for a machine's code, show which machine it is, and write down the person's answer."""
    if request.method != "POST":
        form = DeviceCodeForm.prefilled(request.GET.get("code", ""))
        return render(request, "accounts/tokens/device.html", {"form": form})
    if not ratelimit.consume(
        request, app="accounts", action="device_code", config=TRIES, user=request.user
    ):
        raise RateLimited(retry_after=300)
    form = DeviceCodeForm(request.POST)
    waiting = None
    if form.is_valid():
        waiting = device.find_waiting(form.cleaned_data["code"], at=now())
        if waiting is None:
            form.add_error("code", _GONE)
    if waiting is None:
        return render(request, "accounts/tokens/device.html", {"form": form}, status=422)
    answer = request.POST.get("answer", "")
    if answer not in ("allow", "deny"):
        return render(request, "accounts/tokens/device_ask.html", _described(form, waiting))
    _require_factor_of_staff(request.user)
    return _decide(request, form, waiting, allow=answer == "allow")


def _decide(request: Any, form: Any, waiting: Any, *, allow: bool) -> HttpResponse:
    if not device.decide(waiting, user=request.user, allow=allow, at=now()):
        form.add_error("code", _GONE)
        return render(request, "accounts/tokens/device.html", {"form": form}, status=422)
    if allow:
        messages.success(request, f"{waiting.client_name} is signed in. Go back to it.")
    else:
        messages.success(request, f"{waiting.client_name} was turned away.")
    return redirect("tokens")


def _described(form: Any, waiting: Any) -> dict[str, Any]:
    return {
        "code": form.cleaned_data["code"],
        "waiting": waiting,
        "client": bridge.client_name(waiting.client_id),
        "program": browser_name(waiting.user_agent),
    }


def _asked(request: Any) -> dict[str, str]:
    form = HandoverForm(request.GET)
    if not form.is_valid():
        names = ", ".join(sorted(form.errors))
        raise HandoverRefused(f"The app's question is not complete: {names}.")
    asked: dict[str, str] = form.cleaned_data
    return asked


def _code(request: Any, asked: dict[str, str]) -> str:
    methods = request.session.get("account_authentication_methods", [])
    organization = request.organization
    return bridge.issue_code(
        request.user,
        client_id=asked["client_id"],
        redirect_uri=asked["redirect_uri"],
        challenge=asked["code_challenge"],
        session_data={
            "organization_id": str(organization.pk) if organization else None,
            "signed_in_by": [str(each.get("method")) for each in methods],
        },
        at=now(),
    )


def _require_factor_of_staff(user: Any) -> None:
    if user.is_staff and not has_second_factor(user):
        raise SecondFactorMissing
