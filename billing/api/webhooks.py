"""The door for Stripe's webhooks: verify, store, answer; a worker does the rest."""

from __future__ import annotations

import structlog
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.services import inbox
from config.kit.errors import BodyTooLarge, DomainError, GatewayError, Unavailable
from config.kit.problems import problem_response

logger = structlog.get_logger(__name__)
LARGEST = 512 * 1024


@csrf_exempt
@require_POST
@transaction.non_atomic_requests
def receive_stripe(request: HttpRequest) -> HttpResponse:
    try:
        inbox.receive(
            body=_read(request), signature=request.headers.get("Stripe-Signature", ""), at=now()
        )
    except DomainError as refusal:
        return problem_response(refusal)
    except GatewayError as error:
        logger.error("webhook.not_configured", code=error.code)
        return problem_response(Unavailable())
    return HttpResponse(status=200)


def _read(request: HttpRequest) -> bytes:
    """Read the raw body, which the signature covers; more than 512 KiB is refused unread."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > LARGEST:
        raise BodyTooLarge
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        raise BodyTooLarge
    return body
