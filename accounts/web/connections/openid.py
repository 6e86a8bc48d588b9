"""The generic OpenID Connect provider, stricter than allauth's: signature, nonce and subject."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.utils import build_absolute_uri
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from accounts.rules.id_tokens import BadIdToken, read_id_token
from config.kit.ids import random_token

PROVIDER = "openid"
_KEPT = ("sub", "email", "name", "given_name", "family_name")


class OpenIdAdapter(OpenIDConnectOAuth2Adapter):
    """`nonce` is set by the callback view from the state that the sign-in began with."""

    nonce = ""

    def __init__(self, request: HttpRequest, provider_id: str = PROVIDER) -> None:
        super().__init__(request, provider_id)

    @property
    def openid_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().openid_config
        if config["issuer"].rstrip("/") != self.get_provider().app.settings["server_url"]:
            raise OAuth2Error("The provider names itself by another address.")
        return config

    def complete_login(
        self, request: HttpRequest, app: Any, token: Any, **kwargs: Any
    ) -> SocialLogin:
        """Believe the id token, and the user info only where it is about the same person."""
        try:
            claims = read_id_token(
                kwargs["response"]["id_token"],
                keys=self._fetch(self.openid_config["jwks_uri"]),
                issuer=self.openid_config["issuer"],
                audience=app.client_id,
                nonce=self.nonce,
            )
        except (BadIdToken, KeyError) as error:
            raise OAuth2Error(f"The id token is refused: {error}") from error
        about = _known(self._fetch_user_info(token.token))
        if about.get("sub") != claims["sub"]:
            raise OAuth2Error("The user info is about somebody else.")
        login: SocialLogin = self.get_provider().sociallogin_from_response(
            request, {"userinfo": about}
        )
        return login

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return str(build_absolute_uri(request, reverse("openid_callback")))

    def _fetch(self, url: str) -> Any:
        with get_adapter().get_requests_session() as session:
            answer = session.get(url)
            answer.raise_for_status()
            return answer.json()


class OpenIdProvider(OpenIDConnectProvider):
    oauth2_adapter_class = OpenIdAdapter

    def get_login_url(self, request: HttpRequest, **kwargs: Any) -> str:
        url = reverse("openid_login")
        return f"{url}?{urlencode(kwargs)}" if kwargs else url

    def get_callback_url(self) -> str:
        return reverse("openid_callback")

    def redirect(
        self, request: HttpRequest, process: str, next_url: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Send the browser there with a nonce that only this session knows."""
        nonce = random_token()
        answer: HttpResponse = super().redirect(
            request, process, next_url, {"nonce": nonce}, auth_params={"nonce": nonce}
        )
        return answer


def _known(about: dict[str, Any]) -> dict[str, Any]:
    """Return of the user info only what is used, as text our database can hold."""
    kept = {name: str(about[name]).replace("\x00", "")[:254] for name in _KEPT if about.get(name)}
    return {**kept, "email_verified": about.get("email_verified") is True}
