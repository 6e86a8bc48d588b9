"""Who am I, and for whom do I act?"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from accounts.api.base import OrganizationView
from accounts.api.serializers import MeOutput, ProfileInput
from accounts.services.users import update_profile


class MeView(OrganizationView):
    @extend_schema(summary="The signed-in person", responses=MeOutput)
    def get(self, request: Any) -> Response:
        user = request.user
        user.membership, user.organization = request.membership, request.organization
        return Response(MeOutput(user).data)

    @extend_schema(
        summary="Change what is known about you", request=ProfileInput, responses=MeOutput
    )
    def patch(self, request: Any) -> Response:
        asked = ProfileInput(data=request.data)
        asked.is_valid(raise_exception=True)
        update_profile(request.user, **asked.validated_data)
        request.user.refresh_from_db()
        return self.get(request)
