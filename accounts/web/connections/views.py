"""Signing in through a provider, and which providers open an account."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login, render_authentication_error
from allauth.socialaccount.internal.flows.connect import disconnect, validate_disconnect
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.base import ProviderException
from allauth.socialaccount.providers.base.constants import AuthError
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import (
    OAuth2Adapter,
    OAuth2CallbackView,
    OAuth2LoginView,
)
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from accounts.services import limits
from config.kit import context
from config.kit.errors import NotFound

MOST_A_MINUTE = 30
"""From one address: each try makes us ask the provider, and nobody has it asked without end."""
# What a provider that is down, wrongly set up or hostile makes of an exchange with it; the HTTP
# client's own errors are OSErrors.
_FAILURES = (
    OAuth2Error, PermissionDenied, ProviderException,
    OSError, AttributeError, KeyError, RecursionError, TypeError, ValueError,
)  # fmt: skip


class LoginView(OAuth2LoginView):
    """Leads to the provider, after a POST: a link elsewhere must not sign anybody in."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            _limit("provider-leave")
        try:
            answer: HttpResponse = super().dispatch(request, *args, **kwargs)
        except SocialApp.DoesNotExist as error:
            raise Http404 from error
        except _FAILURES as error:
            return _failure(request, self.adapter, error)
        return answer


class CallbackView(OAuth2CallbackView):
    """Hears the provider out, then writes: no transaction is open while the network is asked."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            provider = self.adapter.get_provider()
        except SocialApp.DoesNotExist as error:
            raise Http404 from error
        _limit("provider-return")
        state, refusal = self._get_state(request, provider)
        if refusal is not None:
            return refusal  # type: ignore[no-any-return]
        if "code" not in request.GET:
            cancelled = request.GET.get("error") == self.adapter.login_cancelled_error
            error = AuthError.CANCELLED if cancelled else AuthError.UNKNOWN
            answer: HttpResponse = render_authentication_error(request, provider, error=error)
            return answer
        try:
            login = self._exchange(request, provider, state)
        except _FAILURES as failure:
            return _failure(request, self.adapter, failure)
        with transaction.atomic():
            return complete_social_login(request, login)  # type: ignore[no-any-return]

    def _exchange(self, request: HttpRequest, provider: Any, state: dict[str, Any]) -> Any:
        """Trade the code for tokens, and those for who somebody is."""
        self.adapter.nonce = (state.get("data") or {}).get("nonce", "")  # type: ignore[attr-defined]
        client = self.adapter.get_client(request, provider.app)
        answer = self.adapter.get_access_token_data(
            request, provider.app, client, pkce_code_verifier=state.get("pkce_code_verifier")
        )
        token = self.adapter.parse_token(answer)
        login = self.adapter.complete_login(request, provider.app, token, response=answer)
        # The provider's token has done its work; it is kept neither in the session nor in a table.
        login.token, login.state = None, state
        return login


def door(adapter: type[OAuth2Adapter]) -> tuple[Any, Any]:
    """Return the two views of a provider: to it, and back from it."""
    return (
        transaction.non_atomic_requests(LoginView.adapter_view(adapter)),
        transaction.non_atomic_requests(CallbackView.adapter_view(adapter)),
    )


def _limit(action: str) -> None:
    here = context.current()
    who = f"{action}:{here.ip if here else None}"
    limits.require(limits.take(who, limit=MOST_A_MINUTE, at=now()))


def _failure(request: HttpRequest, adapter: OAuth2Adapter, error: Exception) -> HttpResponse:
    answer: HttpResponse = render_authentication_error(
        request, adapter.get_provider(), exception=error
    )
    return answer


@require_GET
@login_required
def connections(request: Any) -> HttpResponse:
    """Which providers open this account, and which could."""
    providers = get_adapter().list_providers(request)
    names = {provider.sub_id: provider.name for provider in providers}
    mine = list(SocialAccount.objects.filter(user=request.user).order_by("date_joined"))
    shown = [
        {"account": account, "provider": names.get(account.provider, account.provider)}
        for account in mine
    ]
    taken = {account.provider for account in mine}
    offered = [provider for provider in providers if provider.sub_id not in taken]
    facts = {
        "connections": [entry | {"label": _label(entry["account"])} for entry in shown],
        "offered": [
            {"name": provider.name, "url": provider.get_login_url(request, process="connect")}
            for provider in offered
        ],
    }
    return render(request, "socialaccount/connections.html", facts)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(app="allauth.socialaccount")
def disconnect_provider(request: Any, connection: int) -> HttpResponse:
    """Ask, then disconnect; the last way into an account stays."""
    account = SocialAccount.objects.filter(user=request.user, pk=connection).first()
    if account is None:
        raise NotFound
    facts: dict[str, Any] = {"account": account, "label": _label(account), "refusal": ""}
    try:
        validate_disconnect(request, account)
    except ValidationError:
        facts["refusal"] = "It is the only way into your account. Set a password first."
        return render(request, "socialaccount/disconnect.html", facts, status=_status(request))
    if request.method == "POST":
        disconnect(request, account)
        return redirect("socialaccount_connections")
    return render(request, "socialaccount/disconnect.html", facts)


def _status(request: HttpRequest) -> int:
    return 422 if request.method == "POST" else 200


def _label(account: SocialAccount) -> str:
    """Return what a person knows the account by: its address, else its number there."""
    data = account.extra_data.get("userinfo", account.extra_data)
    return str(data.get("email") or data.get("login") or account.uid)
