"""What the embedded start keeps in files: secrets, stamps, state."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest

from config.embedded.keys import load_keys
from config.embedded.launching import EmbeddedError
from config.embedded.stamps import Stamps, digest_of
from config.embedded.state import make_private_folder, read_json, try_lock, write_json


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first = load_keys(tmp_path)
    assert load_keys(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(first["SWITCHYARD_SECRETS_KEY"])) == 32


def test_a_new_secret_does_not_replace_the_old_ones(tmp_path: Path) -> None:
    known = load_keys(tmp_path)
    older = {name: value for name, value in known.items() if name != "STRIPE_WEBHOOK_SECRET"}
    write_json(tmp_path / "secrets.json", older)
    again = load_keys(tmp_path)
    assert again["STRIPE_WEBHOOK_SECRET"] != known["STRIPE_WEBHOOK_SECRET"]
    assert again | {"STRIPE_WEBHOOK_SECRET": ""} == known | {"STRIPE_WEBHOOK_SECRET": ""}


def test_two_checkouts_share_no_secret(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = load_keys(tmp_path / "one"), load_keys(tmp_path / "two")
    assert not set(one.values()) & set(two.values())


def test_a_torn_state_file_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text('{"port": 54')
    assert read_json(tmp_path / "state.json") == {}


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    assert try_lock(tmp_path / "lock") is not None
    assert try_lock(tmp_path / "lock") is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match="file/var cannot be made"):
        make_private_folder(tmp_path / "file" / "var")


def test_a_step_is_current_until_a_source_changes(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "app.css").write_text("a {}")
    before = digest_of(tmp_path, ["static/**/*"])
    stamps = Stamps(tmp_path)
    stamps.keep("collectstatic", before)
    assert stamps.is_current("collectstatic", digest_of(tmp_path, ["static/**/*"]))
    (tmp_path / "static" / "app.css").write_text("b {}")
    assert not stamps.is_current("collectstatic", digest_of(tmp_path, ["static/**/*"]))


def test_the_digest_sees_a_renamed_file_and_a_changed_fact(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("x = 1")
    before = digest_of(tmp_path, ["*.py"], "cluster-1")
    assert digest_of(tmp_path, ["*.py"], "cluster-2") != before
    (tmp_path / "one.py").rename(tmp_path / "two.py")
    assert digest_of(tmp_path, ["*.py"], "cluster-1") != before
