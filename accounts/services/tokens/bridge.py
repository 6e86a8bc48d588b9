"""The hand-over: a person signed in on the website lets a desktop app in, without a password."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts import events
from accounts.models import BridgeToken, RefreshToken, User
from accounts.rules import handover
from accounts.rules.sessions import ClientUnknown, GrantRefused, HandoverRefused
from accounts.services import audit
from accounts.services.tokens.callers import acting_as, client_facts, locked, owner_of
from accounts.services.tokens.ending import revoke_family
from accounts.services.tokens.issuing import Issued, begin_session
from config.kit.ids import keyed_hash, random_token, uuid7

LIVES = timedelta(seconds=60)
PURPOSE = "bridge-token"


def client_name(client_id: str) -> str:
    """Return what an app is called; raises `ClientUnknown`."""
    name: str | None = settings.PUBLIC_CLIENTS.get(client_id)
    if name is None:
        raise ClientUnknown
    return name


def require_safe(*, redirect_uri: str, challenge: str, method: str) -> None:
    """Refuse anything but PKCE with S256 and an address on the person's own machine."""
    if not handover.is_loopback(redirect_uri):
        raise HandoverRefused(
            "redirect_uri must be http://127.0.0.1:<port>/… or http://[::1]:<port>/…"
        )
    if method != "S256":
        raise HandoverRefused("code_challenge_method must be S256; plain is refused.")
    if not handover.is_challenge(challenge):
        raise HandoverRefused("code_challenge must be the base64url SHA-256 of the verifier.")


@transaction.atomic
def issue_code(
    user: User,
    *,
    client_id: str,
    redirect_uri: str,
    challenge: str,
    session_data: dict[str, Any],
    at: datetime,
) -> str:
    """Return a code that lets this app in once, within 60 seconds of `at`."""
    name = client_name(client_id)
    require_safe(redirect_uri=redirect_uri, challenge=challenge, method="S256")
    code = random_token()
    with acting_as(user):
        BridgeToken.objects.create(
            user=user,
            token_hash=keyed_hash(PURPOSE, code),
            client_id=client_id,
            redirect_uri=redirect_uri,
            challenge=challenge,
            session_data={**session_data, "token_version": user.token_version},
            expires_at=at + LIVES,
            **client_facts(),
        )
        audit.record("user.handover_allowed", user, client=name)
    return code


def redeem_code(
    code: str, *, verifier: str, client_id: str, redirect_uri: str, at: datetime
) -> Issued:
    """Trade a code for an API session, once.

    Raises `GrantRefused`. Whoever brings a used code ends the session made from it: one of the
    two that brought it stole it (RFC 6749, 4.1.2).
    """
    token_hash = keyed_hash(PURPOSE, code)
    owner = owner_of("bridge_token", token_hash)
    if owner is None:
        raise GrantRefused
    with acting_as(owner):
        issued = _redeem(owner, token_hash, verifier, client_id, redirect_uri, at)
    if issued is None:
        raise GrantRefused
    return issued


@transaction.atomic
def _redeem(
    owner: UUID, token_hash: str, verifier: str, client_id: str, redirect_uri: str, at: datetime
) -> Issued | None:
    user = locked(owner)
    session = uuid7()
    token = user.bridge_tokens.get(token_hash=token_hash)
    # The one statement that decides: everything the code is bound to, and that it is unused.
    won = handover.answers(verifier, token.challenge) and user.bridge_tokens.filter(
        pk=token.pk,
        client_id=client_id,
        redirect_uri=redirect_uri,
        expires_at__gt=at,
        used_at=None,
    ).update(used_at=at, family=session)
    if not won:
        _punish_replay(user, token, at)
        return None
    if not user.is_active or token.session_data.get("token_version") != user.token_version:
        return None
    return begin_session(
        user,
        origin=RefreshToken.Origin.BRIDGE,
        client_name=client_name(client_id),
        at=at,
        session=session,
    )


def _punish_replay(user: User, token: BridgeToken, at: datetime) -> None:
    session: UUID | None = token.family
    if session is None or not revoke_family(user, session, at=at):
        return
    audit.record("user.handover_code_reused", user, session=session)
    events.api_session_stolen.send(BridgeToken, user=user, client_name=client_name(token.client_id))
