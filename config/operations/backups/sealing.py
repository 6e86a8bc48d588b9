"""Encryption of backups at rest: a stream of AES-256-GCM blocks under a key of its own.

The STREAM construction that age and Tink use: a fresh key for each file (HKDF over a random
salt), a counter in every nonce and a mark on the last block, so that blocks can be neither
changed, dropped, reordered nor cut off at the end without being noticed. Memory stays at one
block whatever the size.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.operations.backups.programs import BackupError

MAGIC = b"switchyard-backup-1\n"
BLOCK = 1 << 20
_TAG = 16
_SALT = 32


def read_key(text: str) -> bytes:
    """Return the 32 bytes of a key written like a Fernet key."""
    try:
        key = base64.urlsafe_b64decode(text)
    except ValueError as error:
        raise BackupError("A key in BACKUP_KEYS is not base64.") from error
    if len(key) != 32:
        raise BackupError("A key in BACKUP_KEYS does not have 32 bytes.")
    return key


def name_of(key: bytes) -> str:
    """Return a short name that tells keys apart and says nothing about them."""
    return hashlib.sha256(b"switchyard backup key" + key).hexdigest()[:12]


class SealingWriter:
    """Encrypts what is written to it; `close` writes the block that says this is all."""

    def __init__(self, target: BinaryIO, key: bytes) -> None:
        salt = os.urandom(_SALT)
        self._target = target
        self._cipher = _cipher(key, salt)
        self._waiting = bytearray()
        self._counter = 0
        target.write(MAGIC + salt)

    def write(self, piece: bytes) -> None:
        self._waiting += piece
        while len(self._waiting) > BLOCK:
            self._write_block(bytes(self._waiting[:BLOCK]), last=False)
            del self._waiting[:BLOCK]

    def close(self) -> None:
        self._write_block(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _write_block(self, block: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._counter, last=last), block, None))
        self._counter += 1


def unsealed(source: BinaryIO, key: bytes) -> Iterator[bytes]:
    """Yield the clear blocks; raise when a byte was changed or the end is missing."""
    if source.read(len(MAGIC)) != MAGIC:
        raise BackupError("The file is no sealed backup.")
    cipher = _cipher(key, source.read(_SALT))
    counter = 0
    block = source.read(BLOCK + _TAG)
    while block:
        following = source.read(BLOCK + _TAG)
        try:
            yield cipher.decrypt(_nonce(counter, last=not following), block, None)
        except InvalidTag as error:
            raise BackupError("The backup was changed or cut, or the key is another.") from error
        counter += 1
        block = following
    if not counter:
        raise BackupError("The backup was cut.")


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    derived = HKDF(SHA256(), length=32, salt=salt, info=MAGIC).derive(key)
    return AESGCM(derived)


def _nonce(counter: int, *, last: bool) -> bytes:
    return counter.to_bytes(11, "big") + bytes([last])
