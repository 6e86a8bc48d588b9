"""What is kept in Redis of ended access tokens and open login challenges.

Every function raises `redis.RedisError` when Redis is away.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

import orjson

from config.kit.redis import connect


def token_key(jti: str) -> str:
    """Name one token: by its id, for a written token can be altered and still be valid."""
    return f"jwt:blacklist:{hashlib.sha256(jti.encode()).hexdigest()}"


def session_key(session: UUID) -> str:
    return f"jwt:ended:{session}"


def end_token(jti: str, *, seconds: int) -> None:
    """Refuse one access token for as long as it would have lived."""
    if seconds > 0:
        connect().set(token_key(jti), 1, ex=seconds)


def end_sessions(sessions: list[UUID], *, seconds: int) -> None:
    """Refuse every access token of these sessions for as long as any of them can live."""
    if not sessions:
        return
    pipeline = connect().pipeline(transaction=False)
    for session in sessions:
        pipeline.set(session_key(session), 1, ex=seconds)
    pipeline.execute()


def is_ended(jti: str, session: UUID) -> bool:
    return bool(connect().exists(token_key(jti), session_key(session)))


def open_challenge(key: str, facts: dict[str, str], *, seconds: int) -> None:
    connect().set(f"auth:challenge:{key}", orjson.dumps(facts), ex=seconds)


def read_challenge(key: str) -> dict[str, str] | None:
    found = connect().get(f"auth:challenge:{key}")
    return orjson.loads(found) if isinstance(found, bytes) else None


def close_challenge(key: str) -> bool:
    """Take a challenge away; False for everybody but the first."""
    return connect().delete(f"auth:challenge:{key}") == 1
