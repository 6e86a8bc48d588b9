"""Who am I, and for whom do I act?"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.base import OrganizationView
from accounts.api.serializers import MeOutput


class MeView(OrganizationView):
    @extend_schema(summary="The signed-in person", responses=MeOutput)
    def get(self, request: Any) -> Response:
        user = request.user
        user.membership, user.organization = request.membership, request.organization
        return Response(MeOutput(user).data)
