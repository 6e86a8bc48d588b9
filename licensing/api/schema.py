"""How the thin views appear in the OpenAPI document.

drf-spectacular finds endpoints by the DRF class of a view. A thin view has none, so each gets a
class that is only read, never called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.views import APIView

from accounts.api.problems import ProblemOutput
from config.kit.problems import CONTENT_TYPE
from licensing.api import programs
from licensing.api.serializers import (
    ActivateInput,
    ActivateOutput,
    HeartbeatOutput,
    ValidateInput,
    ValidateOutput,
)


class DeviceToken(BaseAuthentication):
    """Stands for the bearer token that a device got when it was activated."""


class DeviceTokenScheme(OpenApiAuthenticationExtension):
    target_class = DeviceToken
    name = "deviceToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "sydt_…, from activate"}


def problems(**reasons: str) -> dict[Any, Any]:
    """Describe refusals: problems(s409="too_many_devices, suspended, ...")."""
    return {
        (int(status[1:]), CONTENT_TYPE): OpenApiResponse(ProblemOutput, reason)
        for status, reason in reasons.items()
    }


_BODY = {
    "s400": "The body is not a JSON object.",
    "s413": "The body is larger than 64 KB.",
    "s422": "Fields are missing, wrong or unknown; `errors` names each by pointer.",
    "s429": "Too many requests; see Retry-After and the RateLimit headers.",
}
_TOKEN = {"s401": "The token is not this device's current one."}
_STATES = "revoked, suspended, not_started, expired, payment_overdue"


class _Open(APIView):
    authentication_classes = []
    permission_classes = []


class _WithToken(APIView):
    authentication_classes = [DeviceToken]
    permission_classes = []


class ValidateShape(_Open):
    @extend_schema(
        operation_id="licenses_validate",
        tags=["programs"],
        summary="Is this license valid, here and now?",
        description="Always 200 when the question was understood: read `valid` and `code`.",
        request=ValidateInput,
        responses={200: ValidateOutput, **problems(**_BODY)},
    )
    def post(self, request: Any) -> None: ...


class ActivateShape(_Open):
    @extend_schema(
        operation_id="licenses_activate",
        tags=["programs"],
        summary="Give this device a seat and a token",
        description="201 when a seat was taken, 200 when the device had one: repeat it freely.",
        request=ActivateInput,
        responses={
            201: ActivateOutput,
            200: ActivateOutput,
            **problems(
                s409=f"too_many_devices (with limit and active), {_STATES}",
                **_BODY | {"s422": f"{_BODY['s422']} license_not_found: nobody has this key."},
            ),
        },
    )
    def post(self, request: Any) -> None: ...


class DeactivateShape(_WithToken):
    @extend_schema(
        operation_id="licenses_deactivate",
        tags=["programs"],
        summary="Free this device's seat",
        description="The seat is free at once and the token dead. Repeating it answers the same.",
        request=None,
        responses={204: None, **problems(**_TOKEN, **_BODY)},
    )
    def post(self, request: Any) -> None: ...


class HeartbeatShape(_WithToken):
    @extend_schema(
        operation_id="devices_heartbeat",
        tags=["programs"],
        summary="Say that the device is there",
        description="The device counts as online for 60 seconds. Come back in `next_in` seconds.",
        request=None,
        responses={
            200: HeartbeatOutput,
            **problems(s409="device_not_active: it was deactivated.", **_TOKEN, **_BODY),
        },
    )
    def post(self, request: Any, link_id: Any) -> None: ...


def described(view: Callable[..., Any], shape: type[APIView]) -> Callable[..., Any]:
    """Let the schema find `view` with the shape of `shape`."""
    view.cls = shape
    view.initkwargs = {}
    return view


validate = described(programs.validate, ValidateShape)
activate = described(programs.activate, ActivateShape)
deactivate = described(programs.deactivate, DeactivateShape)
heartbeat = described(programs.heartbeat, HeartbeatShape)
