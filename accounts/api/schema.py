"""What every operation of the OpenAPI document says by itself: its area, callers and refusals.

A view states `area`, `needs` and `permission_classes`; the document is written from them, so that
it cannot say anything else than what is enforced.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema

from accounts.api.permissions import IsMember
from accounts.api.problems import ProblemOutput
from accounts.rules.roles import OrganizationRole, organization_allows
from accounts.rules.scopes import scope_for
from config.kit.problems import CONTENT_TYPE

Operation = dict[str, Any]
API_KEY = "apiKey"
_TAGS = {"account": "organization", "organizations": "organization", "calls": "usage"}
_LIMITED = {429: "Too many requests; see Retry-After."}
_WITH_CREDENTIALS = {
    401: "Nobody is signed in, or the credential is not good any more.",
    403: "The role or the key's scopes do not allow it; or a session without its CSRF token.",
    404: "Unknown, or another organization's; the header Switchyard-Organization included.",
}
_WITH_BODY = {
    400: "The body is not a JSON object.",
    413: "The body is larger than 64 KB.",
    415: "The body is not application/json.",
    422: "Fields are missing, wrong or unknown; `errors` names each by pointer.",
}
_WITH_QUERY = {422: "A parameter is not valid; `errors` names each."}
_ONCE = {409: "The first request with this Idempotency-Key is still running."}


class HouseSchema(AutoSchema):
    """Names tags, operations, credentials and common refusals where a view does not."""

    def get_tags(self) -> list[str]:
        first = getattr(self.view, "area", "") or super().get_tags()[0]
        return [_TAGS.get(first, first)]

    def get_operation_id(self) -> str:
        name: str = super().get_operation_id()
        if self.method == "POST" and not hasattr(self.view, "get"):
            return name.removesuffix("_create")  # a verb of its own, such as .../cancel
        return name.replace("_partial_update", "_update").replace("_destroy", "_delete")

    def get_auth(self) -> list[dict[str, list[str]]]:
        found: list[dict[str, list[str]]] = super().get_auth()
        return [{API_KEY: []}, *found] if self._scope() else found

    def get_operation(self, *args: Any, **kwargs: Any) -> Operation | None:
        operation: Operation | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        if self._asks_for_membership():
            parts = (operation.get("description"), self._who())
            operation["description"] = "\n\n".join(part for part in parts if part)
        if scope := self._scope():
            operation["x-required-scope"] = scope
        self._add_refusals(operation)
        return operation

    def _asks_for_membership(self) -> bool:
        return IsMember in self.view.permission_classes

    def _needed(self) -> str:
        return str(getattr(self.view, "needs", {}).get(self.method, "view"))

    def _scope(self) -> str:
        """Return the scope that lets an API key in; empty where none does."""
        area = getattr(self.view, "area", "")
        if not area or not self._asks_for_membership():
            return ""
        admitted = organization_allows(OrganizationRole.ADMIN, self._needed())
        return scope_for(area, self.method) if admitted else ""

    def _who(self) -> str:
        roles = [
            role.value for role in OrganizationRole if organization_allows(role, self._needed())
        ]
        everybody = len(roles) == len(OrganizationRole)
        people = "every member" if everybody else f"members with the role {' or '.join(roles)}"
        scope = self._scope()
        return f"For {people}; " + (f"API keys with `{scope}`." if scope else "not for API keys.")

    def _add_refusals(self, operation: Operation) -> None:
        if not self.view.permission_classes:
            return  # a thin view, described by hand (accounts.api.keys.schema)
        possible = dict(_LIMITED)
        if self.view.get_authenticators():
            possible |= _WITH_CREDENTIALS
        if any(each["in"] == "query" for each in operation.get("parameters", ())):
            possible |= _WITH_QUERY
        is_once = any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))
        if is_once:
            possible |= _ONCE
        if is_once or "requestBody" in operation:
            possible |= _WITH_BODY
        document = self.resolve_serializer(ProblemOutput, "response").ref
        for status, reason in possible.items():
            operation["responses"].setdefault(
                str(status),
                {"description": reason, "content": {CONTENT_TYPE: {"schema": document}}},
            )
        operation["responses"] = dict(sorted(operation["responses"].items()))
