"""The secrets of this checkout's own servers: generated once, kept under var, mode 600."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from config.embedded.state import read_json, write_json


def make_signing_key() -> str:
    """Return a P-256 private key as PKCS #8 in base64: it signs access tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    document = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return base64.b64encode(document).decode()


MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "SWITCHYARD_SECRETS_KEY": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "SWITCHYARD_SIGNING_KEYS": make_signing_key,
    "STRIPE_WEBHOOK_SECRET": lambda: f"whsec_{secrets.token_urlsafe(32)}",
    "DATABASE_OWNER_PASSWORD": lambda: secrets.token_urlsafe(24),
    "DATABASE_APP_PASSWORD": lambda: secrets.token_urlsafe(24),
    "DATABASE_SYSTEM_PASSWORD": lambda: secrets.token_urlsafe(24),
    "DATABASE_BACKUP_PASSWORD": lambda: secrets.token_urlsafe(24),
}


def load_keys(var_dir: Path) -> dict[str, str]:
    """Return the secrets, making the ones that are missing."""
    file = var_dir / "secrets.json"
    known = read_json(file)
    missing = {name: make() for name, make in MAKERS.items() if name not in known}
    if missing:
        known |= missing
        write_json(file, known)
    return {name: str(known[name]) for name in MAKERS}
