"""The device flow (RFC 8628): a machine without a browser asks, a person decides elsewhere."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.models import DeviceAuthorization, RefreshToken, User
from accounts.rules import handover
from accounts.rules.sessions import (
    AccessDenied,
    AuthorizationPending,
    CodeExpired,
    GrantRefused,
    SlowDown,
)
from accounts.services import audit
from accounts.services.tokens.bridge import client_name
from accounts.services.tokens.callers import acting_as, client_facts, locked, owner_of
from accounts.services.tokens.issuing import Issued, begin_session
from config.kit.errors import DomainError
from config.kit.ids import keyed_hash, random_token, uuid7

LIVES = timedelta(minutes=10)
SLOWER = 5
DEVICE, CODE = "device-code", "device-user-code"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the machine is told: its own secret, and the code that a person types."""

    device_code: str
    user_code: str
    expires_in: int
    interval: int


def ask(*, client_id: str, name: str, at: datetime) -> Asked:
    """Let a machine wait for a person; `name` is how it calls itself."""
    app = client_name(client_id)
    device_code = random_token()
    user_code = "".join(secrets.choice(handover.ALPHABET) for _ in range(handover.CODE_LENGTH))
    waiting = DeviceAuthorization.objects.create(
        device_hash=keyed_hash(DEVICE, device_code),
        user_code_hash=keyed_hash(CODE, user_code),
        client_id=client_id,
        client_name=name or app,
        expires_at=at + LIVES,
        **client_facts(),
    )
    shown = handover.shown_user_code(user_code)
    return Asked(device_code, shown, int(LIVES.total_seconds()), waiting.interval)


def find_waiting(typed: str, *, at: datetime) -> DeviceAuthorization | None:
    """Return the machine whose code a person typed, while it waits for an answer."""
    code = handover.read_user_code(typed)
    if code is None:
        return None
    return DeviceAuthorization.objects.filter(
        user_code_hash=keyed_hash(CODE, code), user=None, expires_at__gt=at
    ).first()


@transaction.atomic
def decide(waiting: DeviceAuthorization, *, user: User, allow: bool, at: datetime) -> bool:
    """Write the person's answer; False when somebody answered before, or too late.

    Too late is also after all sessions of the person were ended since `user` was read.
    """
    answer = {"approved_at": at} if allow else {"denied_at": at}
    with acting_as(user):
        if locked(user).token_version != user.token_version:
            return False
        open_ = DeviceAuthorization.objects.filter(pk=waiting.pk, user=None, expires_at__gt=at)
        if not open_.update(user=user, **answer):
            return False
        event = "user.device_allowed" if allow else "user.device_denied"
        audit.record(event, user, client=waiting.client_id)
    return True


def redeem(device_code: str, *, client_id: str, at: datetime) -> Issued:
    """Answer the machine's question: an API session, once, or why not yet.

    Raises `AuthorizationPending`, `SlowDown`, `AccessDenied`, `CodeExpired`, `GrantRefused`.
    """
    device_hash = keyed_hash(DEVICE, device_code)
    owner = owner_of("device", device_hash)
    outcome = _poll_as(owner, device_hash, client_id, at)
    if owner is None and isinstance(outcome, GrantRefused):
        # Somebody may have answered while the question waited for them: from then on the row is
        # theirs, and hidden from whoever does not act as them.
        owner = owner_of("device", device_hash)
        if owner is not None:
            outcome = _poll_as(owner, device_hash, client_id, at)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def _poll_as(
    owner: UUID | None, device_hash: str, client_id: str, at: datetime
) -> Issued | DomainError:
    if owner is None:
        return _poll(None, device_hash, client_id, at)
    with acting_as(owner):
        return _poll(owner, device_hash, client_id, at)


@transaction.atomic
def _poll(
    owner: UUID | None, device_hash: str, client_id: str, at: datetime
) -> Issued | DomainError:
    """Return refusals instead of raising them: what a question changes must stay."""
    if owner is not None:
        locked(owner)
    known = DeviceAuthorization.objects.filter(device_hash=device_hash, client_id=client_id)
    waiting = known.select_for_update(of=("self",)).select_related("user").first()
    if waiting is None or waiting.used_at is not None:
        return GrantRefused()
    if waiting.expires_at <= at:
        return CodeExpired()
    if waiting.polled_at and (at - waiting.polled_at).total_seconds() < waiting.interval - 0.5:
        known.update(polled_at=at, interval=F("interval") + SLOWER)
        return SlowDown(interval=waiting.interval + SLOWER)
    known.update(polled_at=at)
    if waiting.denied_at is not None:
        return AccessDenied()
    if waiting.approved_at is None or waiting.user is None:
        return AuthorizationPending(interval=waiting.interval)
    return _let_in(waiting, waiting.user, at)


def _let_in(waiting: DeviceAuthorization, user: User, at: datetime) -> Issued | DomainError:
    session = uuid7()
    won = DeviceAuthorization.objects.filter(pk=waiting.pk, used_at=None).update(
        used_at=at, family=session
    )
    if not won or not user.is_active:
        return GrantRefused()
    return begin_session(
        user,
        origin=RefreshToken.Origin.DEVICE,
        client_name=waiting.client_name,
        at=at,
        session=session,
    )
