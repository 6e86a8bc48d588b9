"""What is told: webhooks that arrived and webhooks that did not, notifications read and unread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.db import transaction
from django.utils.timezone import now

from accounts.models import Membership, Organization, User, WebhookDelivery, WebhookEndpoint
from accounts.services.notifications import notify, reading
from accounts.services.webhooks import endpoints, sending

RECEIVER_PORT = 9000
WORKS = f"http://127.0.0.1:{RECEIVER_PORT}/"
"""Where examples/webhook_receiver.py listens: the demo's endpoint is the one the README starts."""

CLOSED = "http://127.0.0.1:9/hooks"
_TRIES = 10
Status = WebhookDelivery.Status


@contextmanager
def webhooks(organization: Organization) -> Iterator[int]:
    """Let two endpoints hear of what happens in the block; yields how many are new.

    One has a receiver for the moment, the other never had. Both are switched off afterwards:
    nobody listens there, and the house must not call for days.
    """
    if WebhookEndpoint.objects.for_organization(organization).exists():
        yield 0
        return
    with _receiver() as is_ours:
        works = _add(organization, WORKS, "Shop floor system", ["*"])
        fails = _add(organization, CLOSED, "Old accounting", ["api_key.revoked"])
        if not is_ours:
            endpoints.disable_endpoint(works, reason="Port 9000 belongs to another program.")
        yield 2
        _deliver(organization)
    endpoints.disable_endpoint(
        works, reason="Its receiver is not running: examples/webhook_receiver.py."
    )
    endpoints.disable_endpoint(fails, reason="The system behind it was switched off.")


def _add(organization: Organization, url: str, name: str, types: list[str]) -> WebhookEndpoint:
    made = endpoints.create_endpoint(organization, url=url, event_types=types, description=name)
    return made.endpoint


def _deliver(organization: Organization) -> None:
    """Try what waits until nothing does, as if days passed between the tries."""
    waiting = WebhookDelivery.objects.for_organization(organization).filter(status=Status.PENDING)
    for tried in range(_TRIES):
        for delivery_id in list(waiting.values_list("pk", flat=True)):
            sending.deliver(delivery_id, at=now() + timedelta(days=2 * tried))


@contextmanager
def _receiver() -> Iterator[bool]:
    """Listen where the customer's program would; False when something else does already."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", RECEIVER_PORT), _Thanks)
    except OSError:
        yield False
        return
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield True
    finally:
        server.shutdown()
        server.server_close()


class _Thanks(BaseHTTPRequestHandler):
    """Takes every message."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the seed speaks for itself."""


@transaction.atomic
def fill_notifications(organization: Organization, owner: User) -> int:
    """Tell of the colleagues; the owner has read all there is so far. Returns how many are new."""
    members = Membership.objects.for_organization(organization).select_related("user")
    told = [_tell_of(member) for member in members.exclude(user=owner).order_by("pk")]
    if any(told):
        reading.mark_all_read(members.get(user=owner))
    return sum(told)


def _tell_of(member: Membership) -> bool:
    told = notify(
        member.organization_id,
        "member_joined",
        title=f"{member.user.full_name} joined",
        url="/team/",
        source=f"member_joined:{member.pk}",
    )
    return told is not None
