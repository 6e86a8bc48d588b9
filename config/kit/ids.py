"""Identifiers and secrets: time-ordered keys, random tokens, keyed hashes, sealed fields."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import time
import uuid
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def uuid7() -> uuid.UUID:
    """Return a time-ordered UUID (RFC 9562, version 7, method 3).

    48 bits of milliseconds, 12 bits of their fraction (a quarter of a microsecond), then random:
    keys that one process makes one after another also sort so within a millisecond.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(_noise(), "big")
    value = value & ~(0xFFFF << 64) | (0x7000 | fraction) << 64
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def _noise() -> bytes:
    """Return ten random bytes, asked of the system a block at a time: asking gives a turn away."""
    try:
        return _waiting_noise.pop()
    except IndexError:
        block = os.urandom(_NOISE_BLOCK)
        _waiting_noise.extend(block[at : at + 10] for at in range(10, _NOISE_BLOCK, 10))
        return block[:10]


_NOISE_BLOCK = 2560
_waiting_noise: list[bytes] = []
os.register_at_fork(after_in_child=_waiting_noise.clear)


def as_uuid(text: str | None) -> uuid.UUID | None:
    """Read a key out of what somebody typed or sent; None when it is none."""
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None


def random_token(size: int = 32) -> str:
    """Return `size` random bytes, URL-safe."""
    return secrets.token_urlsafe(size)


def keyed_hash(purpose: str, secret: str) -> str:
    """Hash a high-entropy secret for storage and look-up: HMAC-SHA256, hex, one key a purpose.

    A slow password hash would protect nothing here (the secrets are random, 128 bits or more)
    and would make every check expensive.
    """
    return hmac.new(_key_of(purpose), secret.encode(), hashlib.sha256).hexdigest()


def keyed_hashes(purpose: str, secret: str) -> list[tuple[int, str]]:
    """Return `keyed_hash` under every key there is, newest first, each with the key's version.

    Versions count from the oldest key, 1, so that a new key in front changes none of them: what
    was hashed before is still found, what is hashed now uses the newest.
    """
    count = len(settings.SECRETS_KEYS)
    return [
        (
            count - index,
            hmac.new(_key_of(purpose, index), secret.encode(), hashlib.sha256).hexdigest(),
        )
        for index in range(count)
    ]


def newest_keyed_hash(purpose: str, secret: str) -> str:
    """Return the first of `keyed_hashes`.

    HMAC from its two halves, begun once a purpose: `hmac.digest` gives the thread's turn away.
    """
    inner, outer = (half.copy() for half in _halves_of(purpose))
    inner.update(secret.encode())
    outer.update(inner.digest())
    found: str = outer.hexdigest()
    return found


def seal(text: str) -> bytes:
    """Encrypt a field that must be readable again (a license key shown to its owner)."""
    return _fernet().encrypt(text.encode())


def unseal(sealed: bytes) -> str:
    """Decrypt what `seal` made; raises `cryptography.fernet.InvalidToken` on a wrong key."""
    return _fernet().decrypt(bytes(sealed)).decode()


@lru_cache(maxsize=32)
def _key_of(purpose: str, index: int = -1) -> bytes:
    root = base64.urlsafe_b64decode(settings.SECRETS_KEYS[index])
    return hmac.new(root, f"switchyard:{purpose}".encode(), hashlib.sha256).digest()


@lru_cache(maxsize=32)
def _halves_of(purpose: str) -> tuple[Any, Any]:
    """Return SHA-256 after the inner and the outer pad of the newest key (RFC 2104)."""
    padded = _key_of(purpose, 0).ljust(64, b"\0")
    return (
        hashlib.sha256(bytes(byte ^ 0x36 for byte in padded)),
        hashlib.sha256(bytes(byte ^ 0x5C for byte in padded)),
    )


@lru_cache(maxsize=1)
def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.SECRETS_KEYS])
