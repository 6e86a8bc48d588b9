"""The view every organization-scoped endpoint starts from."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Organization
from accounts.services import idempotency
from config.kit.api import OrjsonRenderer
from config.kit.errors import InvalidInput


class OrganizationView(APIView):
    """Authenticates, checks the role for the method, and replays POSTs by Idempotency-Key."""

    needs: ClassVar[dict[str, str]] = {}
    requires_key: ClassVar[bool] = False

    @property
    def organization(self) -> Organization:
        return self.request.organization  # type: ignore[attr-defined, no-any-return]

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and self.requires_key and not self._key(request):
            raise InvalidInput(
                "Send an Idempotency-Key header: a repeated request must not act twice.",
                errors=[
                    {"pointer": "", "code": "idempotency_key_required", "detail": "Missing header."}
                ],
            )

    def once(self, work: Any) -> HttpResponse:
        """Run `work`, a function that returns a Response, once per Idempotency-Key."""
        key = self._key(self.request)
        if not key:
            return work()  # type: ignore[no-any-return]
        body = OrjsonRenderer().render(self.request.data)
        reply, replayed = idempotency.run_once(
            self.organization,
            key=key,
            fingerprint=idempotency.fingerprint("POST", self.request.path, body),
            work=lambda: _reply(work()),
        )
        response = HttpResponse(reply.body, status=reply.status, content_type=reply.content_type)
        if replayed:
            response["Idempotent-Replayed"] = "true"
        return response

    def _key(self, request: Any) -> str:
        key: str = request.headers.get("Idempotency-Key", "")
        if len(key) > 255 or not key.isprintable():
            raise InvalidInput("Idempotency-Key must be 1 to 255 printable characters.")
        return key


def _reply(response: Response) -> idempotency.Reply:
    return idempotency.Reply(
        response.status_code, OrjsonRenderer().render(response.data), "application/json"
    )
