"""How the thin view appears in the OpenAPI document: a class that is only read, never called."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.views import APIView

from accounts.api.keys.serializers import VerifyInput, VerifyOutput
from accounts.api.keys.verify import verify_key
from accounts.api.listed import problems


class ApiKey(BaseAuthentication):
    """Stands for the bearer token that is an API key and can be nothing else."""


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = ApiKey
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An organization's API key, sw_live_… or sw_test_…, with the scope of "
            "the endpoint. It acts as a program of the organization, never as a person.",
        }


class VerifyShape(APIView):
    authentication_classes = [ApiKey]
    permission_classes = []

    @extend_schema(
        operation_id="keys_verify",
        tags=["programs"],
        summary="Is this API key good, and within its limits?",
        description=(
            "Send your own key, with the scope keys:verify, as the bearer token. Always 200 when "
            "the question was understood: read `valid` and `code`. A valid call is counted and "
            "recorded. Keys of other organizations are NOT_FOUND."
        ),
        request=VerifyInput,
        responses={
            200: VerifyOutput,
            **problems(
                s400="The body is not a JSON object.",
                s401="Your own key is unknown, revoked, disabled, pending or expired.",
                s403="Your own key lacks keys:verify, or may not be used from this address.",
                s413="The body is larger than 64 KB.",
                s422="Fields are missing, wrong or unknown; `errors` names each by pointer.",
                s429="Too many wrong keys came from this address; see Retry-After.",
            ),
        },
    )
    def post(self, request: Any) -> None: ...


verify: Any = verify_key
verify.cls = VerifyShape
verify.initkwargs = {}
