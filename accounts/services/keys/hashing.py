"""How a key is stored and found: by HMAC under a secret that is not in the database."""

from __future__ import annotations

from config.kit.ids import keyed_hashes, newest_keyed_hash

_PURPOSE = "api-key"


def hashes_of(text: str) -> list[tuple[int, str]]:
    """Return (pepper version, hash) under every pepper there is, the newest first."""
    return keyed_hashes(_PURPOSE, text)


def address_of(text: str) -> str:
    """Return the hash that the cache finds a key by, whichever pepper its row was stored with."""
    return newest_keyed_hash(_PURPOSE, text)
