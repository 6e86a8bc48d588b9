"""A sealed backup opens with its key and with nothing else, and shows every change."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.operations.backups.programs import BackupError
from config.operations.backups.sealing import BLOCK, MAGIC, SealingWriter, read_key, unsealed

KEY, OTHER = os.urandom(32), os.urandom(32)


def _seal(*pieces: bytes) -> bytes:
    target = io.BytesIO()
    writer = SealingWriter(target, KEY)
    for piece in pieces:
        writer.write(piece)
    writer.close()
    return target.getvalue()


def _open(sealed: bytes, key: bytes = KEY) -> bytes:
    return b"".join(unsealed(io.BytesIO(sealed), key))


@given(st.lists(st.binary(max_size=5000), max_size=6))
def test_what_was_sealed_comes_back(pieces: list[bytes]) -> None:
    assert _open(_seal(*pieces)) == b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 7])
def test_every_edge_of_a_block_comes_back(size: int) -> None:
    clear = os.urandom(size)
    assert _open(_seal(clear[: size // 3], clear[size // 3 :])) == clear


@settings(max_examples=50)
@given(st.integers(min_value=len(MAGIC), max_value=2 * BLOCK))
def test_a_changed_byte_is_noticed(place: int) -> None:
    sealed = bytearray(_seal(bytes(2 * BLOCK)))
    sealed[place] ^= 1
    with pytest.raises(BackupError):
        _open(bytes(sealed))


def test_a_cut_at_a_block_two_swapped_blocks_and_another_key_are_noticed() -> None:
    sealed = _seal(os.urandom(3 * BLOCK))
    head, block = len(MAGIC) + 32, BLOCK + 16
    with pytest.raises(BackupError):
        _open(sealed[: head + block])
    with pytest.raises(BackupError):
        _open(sealed[:head])
    first, second = sealed[head : head + block], sealed[head + block : head + 2 * block]
    with pytest.raises(BackupError):
        _open(sealed[:head] + second + first + sealed[head + 2 * block :])
    with pytest.raises(BackupError):
        _open(sealed, OTHER)


@pytest.mark.parametrize("text", ["", "short", "c2hvcnQ="])
def test_a_key_of_another_size_is_refused(text: str) -> None:
    with pytest.raises(BackupError):
        read_key(text)
