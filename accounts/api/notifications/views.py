"""Notifications in the API: of a person, who is the one that reads them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from accounts.api.listed import IN_LISTS, PAGE, REFUSALS, ListedView, own
from accounts.api.notifications.serializers import (
    NotificationOutput,
    ReadOutput,
    RuleInput,
    RuleOutput,
    UnreadOutput,
)
from accounts.models import Membership
from accounts.models.notification import NotificationQuerySet
from accounts.rules.notices import Channels
from accounts.services.notifications import reading


class NotificationView(ListedView):
    """A person's own: without an area, so no API key comes in."""

    @property
    def member(self) -> Membership:
        membership: Membership = self.request.membership
        return membership

    def notifications(self) -> NotificationQuerySet:
        return reading.visible_to(self.member).with_read(self.member.user_id)


class NotificationListView(NotificationView):
    @extend_schema(
        operation_id="notifications_list",
        summary="Your notifications, newest first",
        parameters=[OpenApiParameter("unread", bool, description="Only new ones"), *PAGE],
        responses={200: NotificationOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        rows = self.notifications()
        if request.GET.get("unread") in ("true", "1"):
            rows = rows.unread(self.member.user_id)
        return self.listed(rows, NotificationOutput)


class UnreadCountView(NotificationView):
    @extend_schema(
        summary="How many notifications are new", responses={200: UnreadOutput, **IN_LISTS}
    )
    def get(self, request: Any) -> Response:
        return Response(UnreadOutput({"unread": reading.count_unread(self.member)}).data)


class NotificationReadView(NotificationView):
    @extend_schema(
        summary="Mark one as read; repeating it changes nothing",
        request=None,
        responses={200: NotificationOutput, **REFUSALS},
    )
    def post(self, request: Any, notification_id: UUID) -> Response:
        reading.mark_read(self.member, notification=own(self.notifications(), notification_id))
        return Response(NotificationOutput(own(self.notifications(), notification_id)).data)


class AllReadView(NotificationView):
    @extend_schema(
        summary="Mark all as read", request=None, responses={200: ReadOutput, **IN_LISTS}
    )
    def post(self, request: Any) -> Response:
        return Response(ReadOutput({"read": reading.mark_all_read(self.member)}).data)


class RuleListView(NotificationView):
    pagination_class = None  # type: ignore[assignment]  # a dozen kinds, all at once

    @extend_schema(
        operation_id="notifications_rules_list",
        summary="How each kind reaches you",
        responses={200: RuleOutput(many=True), **IN_LISTS},
    )
    def get(self, request: Any) -> Response:
        return Response(RuleOutput(_rules(self.member), many=True).data)

    @extend_schema(
        summary="Choose how one kind reaches you",
        request=RuleInput,
        responses={200: RuleOutput(many=True), **REFUSALS},
    )
    def put(self, request: Any) -> Response:
        given = RuleInput(data=request.data)
        given.is_valid(raise_exception=True)
        facts = given.validated_data
        channels = Channels(facts["in_app"], facts["email"])
        reading.set_rule(self.member, kind=facts["kind"], channels=channels, everybody=False)
        return Response(RuleOutput(_rules(self.member), many=True).data)

    @extend_schema(
        operation_id="notifications_rules_delete",
        summary="Forget what you chose: everybody's rules reach you again",
        responses={204: None, **IN_LISTS},
    )
    def delete(self, request: Any) -> Response:
        reading.forget_rules(self.member)
        return Response(status=204)


def _rules(member: Membership) -> list[dict[str, Any]]:
    chosen = reading.rules_of(member, everybody=False)
    return [
        {
            "kind": kind.name,
            "label": kind.label,
            "description": kind.description,
            "in_app": chosen[kind.name].in_app,
            "email": chosen[kind.name].email,
        }
        for kind in reading.ruled_kinds(member)
    ]
