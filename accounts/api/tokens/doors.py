"""Coming in by the API: password and second factor, refresh, hand-over, device code."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_GET
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.listed import problems
from accounts.api.tokens import proving, serializers
from accounts.api.tokens.base import Door, tokens
from accounts.models import RefreshToken
from accounts.rules.sessions import SecondFactorMissing
from accounts.services.factors import has_second_factor
from accounts.services.tokens import bridge, device
from accounts.services.tokens.coding import published_keys
from accounts.services.tokens.issuing import begin_session, refresh_session

_TAGS = ["sign-in"]
_BODY = {
    "s400": "The body is not a JSON object.",
    "s422": "Fields are missing, wrong or unknown; `errors` names each by pointer.",
    "s429": "Too many tries; see Retry-After.",
}
_REDIS = {"s503": "Challenges cannot be kept just now; nothing was changed."}
UNNAMED = "API client"


class LoginView(Door):
    shape = serializers.LoginInput

    @extend_schema(
        operation_id="auth_login",
        tags=_TAGS,
        summary="Log in with e-mail and password",
        description="With a second factor the answer is 401 `second_factor_required`; its `data` "
        "holds a `challenge` for /auth/second-factor.",
        request=serializers.LoginInput,
        responses={
            200: serializers.TokensOutput,
            **problems(
                s401="login_refused, second_factor_required (with challenge, expires_in, methods)",
                s403="second_factor_missing: staff need one.",
                **_BODY,
                **_REDIS,
            ),
        },
    )
    def post(self, request: Any) -> Response:
        fields = self.fields()
        user = proving.check_password(
            request._request, email=fields["email"], password=fields["password"]
        )
        name = fields["client_name"] or UNNAMED
        if has_second_factor(user):
            raise proving.challenge(user, client_name=name)
        if user.is_staff:
            raise SecondFactorMissing
        origin = RefreshToken.Origin.PASSWORD
        return tokens(begin_session(user, origin=origin, client_name=name, at=now()))


class SecondFactorView(Door):
    shape = serializers.SecondFactorInput

    @extend_schema(
        operation_id="auth_second_factor",
        tags=_TAGS,
        summary="Answer a login's challenge with a code",
        description="The challenge is good for one success within five minutes. A code that was "
        "used here or on the website is used up for both.",
        request=serializers.SecondFactorInput,
        responses={
            200: serializers.TokensOutput,
            **problems(s401="second_factor_refused, challenge_unknown", **_BODY, **_REDIS),
        },
    )
    def post(self, request: Any) -> Response:
        fields = self.fields()
        user, name = proving.answer_challenge(fields["challenge"], fields["code"].strip())
        origin = RefreshToken.Origin.PASSWORD
        return tokens(begin_session(user, origin=origin, client_name=name, at=now()))


class RefreshView(Door):
    shape = serializers.RefreshInput

    @extend_schema(
        operation_id="auth_refresh",
        tags=_TAGS,
        summary="Trade a refresh token for new tokens",
        description="Each refresh token works once. Using one again ends its whole session, "
        "except within ten seconds by the same client, which gets the same answer.",
        request=serializers.RefreshInput,
        responses={
            200: serializers.TokensOutput,
            **problems(s401="refresh_token_invalid", **_BODY),
        },
    )
    def post(self, request: Any) -> Response:
        return tokens(refresh_session(self.fields()["refresh_token"], at=now()))


class BridgeRedeemView(Door):
    shape = serializers.RedeemInput

    @extend_schema(
        operation_id="auth_bridge_redeem",
        tags=_TAGS,
        summary="Trade a hand-over code for tokens",
        description="The code comes to the app's loopback address from /bridge/authorize and "
        "works once, within 60 seconds. Bringing it again ends the session made from it.",
        request=serializers.RedeemInput,
        responses={200: serializers.TokensOutput, **problems(**_BODY | {"s400": "invalid_grant"})},
    )
    def post(self, request: Any) -> Response:
        fields = self.fields()
        proving.limit(request._request, "bridge_redeem", "60/m/ip")
        return tokens(bridge.redeem_code(fields.pop("code"), **fields, at=now()))


class DeviceView(Door):
    shape = serializers.DeviceInput

    @extend_schema(
        operation_id="auth_device",
        tags=_TAGS,
        summary="Ask to be let in without a browser",
        description="Show `user_code` and `verification_uri` to the person, then ask "
        "/auth/device/token every `interval` seconds.",
        request=serializers.DeviceInput,
        responses={
            200: serializers.DeviceCodeOutput,
            **problems(**_BODY | {"s400": "unknown_client"}),
        },
    )
    def post(self, request: Any) -> Response:
        fields = self.fields()
        proving.limit(request._request, "device_ask", "20/m/ip")
        asked = device.ask(client_id=fields["client_id"], name=fields["client_name"], at=now())
        page = settings.SITE_URL + reverse("device_login")
        return Response(
            {
                "device_code": asked.device_code,
                "user_code": asked.user_code,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?{urlencode({'code': asked.user_code})}",
                "expires_in": asked.expires_in,
                "interval": asked.interval,
            }
        )


class DeviceTokenView(Door):
    shape = serializers.DeviceTokenInput

    @extend_schema(
        operation_id="auth_device_token",
        tags=_TAGS,
        summary="Has the person decided?",
        request=serializers.DeviceTokenInput,
        responses={
            200: serializers.TokensOutput,
            **problems(
                **_BODY
                | {
                    "s400": "authorization_pending, slow_down (with interval), access_denied, "
                    "expired_token, invalid_grant"
                }
            ),
        },
    )
    def post(self, request: Any) -> Response:
        fields = self.fields()
        code, app = fields["device_code"], fields["client_id"]
        return tokens(device.redeem(code, client_id=app, at=now()))


@require_GET
def jwks(request: HttpRequest) -> HttpResponse:
    """The public keys of access tokens, for services that check them themselves."""
    response = JsonResponse({"keys": published_keys()})
    response["Cache-Control"] = "public, max-age=300"
    return response
