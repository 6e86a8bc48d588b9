"""What anybody may know about this installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import permissions, serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.services.live import public_settings

_FIELDS: dict[Any, Any] = {
    bool: serializers.BooleanField,
    "days": serializers.IntegerField,
    "email": serializers.CharField,
    "url": serializers.CharField,
}


def _field(name: str) -> serializers.Field[Any, Any, Any, Any]:
    setting = settings.LIVE[name]
    make = _FIELDS.get(setting.kind, serializers.CharField)
    made: serializers.Field[Any, Any, Any, Any] = make(help_text=setting.description)
    return made


class PublicSettingsView(APIView):
    """Needs no credential; names are those of the back office in lower case."""

    authentication_classes: tuple[Any, ...] = ()
    permission_classes = (permissions.AllowAny,)

    @extend_schema(
        summary="Public settings of this installation",
        tags=["settings"],
        responses=inline_serializer(
            "PublicSettings",
            {name.lower(): _field(name) for name, each in settings.LIVE.items() if each.is_public},
        ),
    )
    def get(self, request: Any) -> Response:
        values = public_settings()
        return Response({name.lower(): value for name, value in values.items()})
