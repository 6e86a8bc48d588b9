"""API keys of the current organization, for people and for programs with the scope."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from accounts.api.keys.serializers import (
    KeyChangesInput,
    KeyFilters,
    KeyInput,
    KeyOutput,
    NewKeyOutput,
    RotateInput,
)
from accounts.api.listed import (
    CONFLICTS,
    IN_LISTS,
    OPTIONAL_KEY,
    PAGE,
    REFUSALS,
    ListedView,
    own,
    problems,
)
from accounts.models import ApiKey
from accounts.services import keys

STATUS = OpenApiParameter("status", str, enum=ApiKey.Status.values, description="Only keys in it.")
EXTERNAL = OpenApiParameter("external_id", str, description="Only keys of this one of yours.")


class KeyView(ListedView):
    area: ClassVar = "keys"

    def keys(self) -> Any:
        return ApiKey.objects.for_organization(self.organization)

    def issuer(self) -> Any:
        """Return who acts: the person, or the program's credential."""
        return getattr(self.request, "api_key", None) or self.request.user

    def revealing(self, make: Any) -> HttpResponse:
        """Answer with a new key's text; `make` returns the key and the text."""

        def shown() -> tuple[Any, str]:
            key, text = make()
            return KeyOutput(key).data, text

        return self.once_revealing("key", shown)


class KeysView(KeyView):
    needs: ClassVar = {"POST": "manage_keys"}

    @extend_schema(
        operation_id="keys_list",
        summary="API keys, newest first",
        parameters=[*PAGE, STATUS, EXTERNAL],
        responses={200: KeyOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        rows = self.keys()
        wanted = KeyFilters(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        return self.listed(rows.filter(**wanted.validated_data), KeyOutput)

    @extend_schema(
        operation_id="keys_create",
        summary="Issue an API key",
        description="`key` holds the whole key: here, and never again. Also a replay does not.",
        parameters=[OPTIONAL_KEY],
        request=KeyInput,
        responses={201: NewKeyOutput, **CONFLICTS},
    )
    def post(self, request: Any) -> HttpResponse:
        form = KeyInput(data=request.data)
        form.is_valid(raise_exception=True)
        wish = form.validated_data
        return self.revealing(lambda: keys.issue_key(self.organization, by=self.issuer(), **wish))


class KeyDetailView(KeyView):
    needs: ClassVar = {"PATCH": "manage_keys", "DELETE": "manage_keys"}

    @extend_schema(
        operation_id="keys_retrieve",
        summary="One API key",
        responses={200: KeyOutput, **REFUSALS},
    )
    def get(self, request: Any, key_id: UUID) -> Response:
        return Response(KeyOutput(own(self.keys(), key_id)).data)

    @extend_schema(
        operation_id="keys_update",
        summary="Change an API key, or switch it off and on",
        request=KeyChangesInput,
        responses={200: KeyOutput, **CONFLICTS},
    )
    def patch(self, request: Any, key_id: UUID) -> Response:
        key = own(self.keys(), key_id)
        form = KeyChangesInput(data=request.data)
        form.is_valid(raise_exception=True)
        changes = form.validated_data
        switch = changes.pop("is_active", None)
        if switch is not None:
            key = keys.enable_key(key) if switch else keys.disable_key(key)
        return Response(KeyOutput(keys.update_key(key, changes, by=self.issuer())).data)

    @extend_schema(
        operation_id="keys_revoke",
        summary="Revoke an API key for good",
        responses={204: None, **REFUSALS},
    )
    def delete(self, request: Any, key_id: UUID) -> Response:
        keys.revoke_key(own(self.keys(), key_id))
        return Response(status=204)


class KeyRotateView(KeyView):
    needs: ClassVar = {"POST": "manage_keys"}

    @extend_schema(
        operation_id="keys_rotate",
        summary="Replace an API key; both work until the overlap ends",
        parameters=[OPTIONAL_KEY],
        request=RotateInput,
        responses={201: NewKeyOutput, **CONFLICTS},
    )
    def post(self, request: Any, key_id: UUID) -> HttpResponse:
        key = own(self.keys(), key_id)
        form = RotateInput(data=request.data)
        form.is_valid(raise_exception=True)
        hours = form.validated_data.get("overlap_hours", 24)
        return self.revealing(
            lambda: keys.rotate_key(key, by=self.issuer(), overlap=timedelta(hours=hours))
        )


class KeyConfirmView(KeyView):
    needs: ClassVar = {"POST": "manage_keys"}
    area: ClassVar = ""  # a person vouches

    @extend_schema(
        operation_id="keys_confirm",
        summary="Vouch for an API key that waits for it",
        request=None,
        responses={200: KeyOutput, **CONFLICTS, **problems(s403="Only a person may vouch.")},
    )
    def post(self, request: Any, key_id: UUID) -> Response:
        return Response(KeyOutput(keys.confirm_key(own(self.keys(), key_id), by=request.user)).data)
