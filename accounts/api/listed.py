"""What the endpoints of every storey share: cursor pages, documented refusals, own objects only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.api.base import OrganizationView
from accounts.api.problems import ProblemOutput
from config.kit.api import CursorPage
from config.kit.errors import NotFound
from config.kit.problems import CONTENT_TYPE


def problems(**reasons: str) -> dict[Any, Any]:
    """Describe refusals for the schema: problems(s404="Unknown, or another organization's.")."""
    return {
        (int(status[1:]), CONTENT_TYPE): OpenApiResponse(ProblemOutput, reason)
        for status, reason in reasons.items()
    }


IN_LISTS = problems(
    s401="Nobody is signed in.",
    s403="The role does not allow it.",
    s422="A parameter is not valid; `errors` names each.",
)
REFUSALS = {**IN_LISTS, **problems(s404="Unknown, or another organization's.")}
CONFLICTS = {**REFUSALS, **problems(s409="Not possible in the current state; see `code`.")}

OPTIONAL_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Up to 255 characters of your own; a repeated request acts once for a day.",
)
REQUIRED_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Up to 255 characters of your own; a repeated request acts once for a day.",
)
PAGE = [
    OpenApiParameter("limit", int, description="Rows a page, 1 to 200; 50 without it."),
    OpenApiParameter("cursor", str, description="From `next` or `previous` of an answer."),
]


class ListedView(OrganizationView):
    """Answers one cursor page, newest first."""

    pagination_class: ClassVar[type[CursorPage]] = CursorPage

    def listed(
        self,
        rows: QuerySet[Any],
        output: type[Serializer[Any]],
        shape: Callable[[Any], Any] | None = None,
    ) -> Response:
        """Answer the page that the query asks for; `shape` turns a row into what is shown."""
        pages = self.pagination_class()
        found = pages.paginate_queryset(rows, self.request, view=self) or []
        if shape is not None:
            found = [shape(row) for row in found]
        return pages.get_paginated_response(output(found, many=True).data)


def own(rows: QuerySet[Any], key: UUID) -> Any:
    """Return one of the organization's objects; unknown and another's look the same."""
    found: Model | None = rows.filter(pk=key).first()
    if found is None:
        raise NotFound
    return found
