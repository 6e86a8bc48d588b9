"""The view every organization-scoped endpoint starts from."""

from __future__ import annotations

from typing import Any, ClassVar

import orjson
from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.recording import RecordedView
from accounts.models import Organization, User
from accounts.services import idempotency
from config.kit.api import OrjsonRenderer
from config.kit.errors import InvalidInput


class KeyMissing(InvalidInput):
    message = "Send an Idempotency-Key header: a repeated request must not act twice."

    def __init__(self) -> None:
        missing = {"pointer": "", "code": "idempotency_key_required", "detail": "Missing header."}
        super().__init__(errors=[missing])


class OrganizationView(RecordedView, APIView):
    """Authenticates, checks the role for the method, and replays POSTs by Idempotency-Key."""

    needs: ClassVar[dict[str, str]] = {}
    area: ClassVar[str] = ""  # of accounts.rules.scopes; without one no API key comes in
    requires_key: ClassVar[bool] = False

    @property
    def organization(self) -> Organization:
        return self.request.organization  # type: ignore[attr-defined, no-any-return]

    @property
    def person(self) -> User | None:
        """The person who asks; None when a program does, with an API key."""
        user = self.request.user
        return user if isinstance(user, User) else None

    def once(self, work: Any) -> HttpResponse:
        """Run `work`, a function that returns a Response, once per Idempotency-Key."""
        key = self._key(self.request)
        if not key and self.requires_key:
            raise KeyMissing
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

    def once_revealing(self, name: str, make: Any, *, status: int = 201) -> HttpResponse:
        """Answer like `once`, with a secret that is not kept for a replay.

        `make` returns the rest of the answer and the secret, which stands there as `name`: in the
        answer to a repeated request it is null.
        """
        secrets: list[str] = []

        def work() -> Response:
            document, secret = make()
            secrets.append(secret)
            return Response({**document, name: None}, status=status)

        response = self.once(work)
        if not secrets:
            return response
        document = (
            response.data if isinstance(response, Response) else orjson.loads(response.content)
        )
        body = OrjsonRenderer().render({**document, name: secrets[0]})
        return HttpResponse(body, status=status, content_type="application/json")

    def _key(self, request: Any) -> str:
        key: str = request.headers.get("Idempotency-Key", "")
        if len(key) > 255 or not key.isprintable():
            raise InvalidInput("Idempotency-Key must be 1 to 255 printable characters.")
        return key


def _reply(response: Response) -> idempotency.Reply:
    return idempotency.Reply(
        response.status_code, OrjsonRenderer().render(response.data), "application/json"
    )
