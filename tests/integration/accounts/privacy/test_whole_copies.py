"""AUD-9: what a copy holds of a person and hides of staff, and what of it erasure leaves."""

from __future__ import annotations

import base64
import io
import json
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection
from django.utils.timezone import now
from PIL import Image

from accounts import tasks
from accounts.models import (
    Avatar,
    BridgeToken,
    DeviceAuthorization,
    Notification,
    Organization,
    RefreshToken,
    SyncLog,
    User,
    UserActivity,
)
from accounts.services import audit, live
from accounts.services.avatars import set_avatar
from accounts.services.notifications import notify
from accounts.services.privacy import erase_user, exports, request_export
from accounts.services.users import create_user
from config.kit import context
from tests.conftest import People
from tests.factories.tokens import leave_traces

PERSONAL = (
    Avatar, BridgeToken, DeviceAuthorization, Notification, RefreshToken, SyncLog, UserActivity,
)  # fmt: skip


@pytest.fixture
def bob(people: People) -> User:
    """Return Bob, of whom every personal table holds a row."""
    upload = io.BytesIO()
    Image.effect_noise((80, 80), 80).convert("RGB").save(upload, "PNG")
    set_avatar(people.bob, upload=upload.getvalue())
    leave_traces(people.bob, 1)
    notify(people.organization.pk, "new_sign_in", title="Hello Bob", user_id=people.bob.pk)
    with context.acting(actor_kind="user", actor_id=str(people.bob.pk)):
        audit.record("user.logged_in", people.bob)
    return people.bob


def _copy(user: User, organization: Organization | None = None) -> dict[str, Any]:
    export = request_export(user, organization=organization)
    exports.make_export(export, at=now())
    with ZipFile(exports.file_of(export)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        return {name.removesuffix(".json"): json.loads(archive.read(name)) for name in names}


def test_a_copy_has_pictures_reports_sessions_and_notifications(bob: User) -> None:
    parts = _copy(bob)
    for model in PERSONAL:
        rows = parts[model._meta.db_table]
        assert rows, model
        assert {row["user_id"] for row in rows} == {str(bob.pk)}
    (picture,) = parts["accounts_avatar"]
    assert base64.b64decode(picture["large"]) == bytes(Avatar.objects.get(user=bob).large)
    (session,) = parts["accounts_refreshtoken"]
    assert session["token_hash"] == "***"
    (code,) = parts["accounts_bridgetoken"]
    assert (code["token_hash"], code["challenge"]) == ("***", "***")
    (device,) = parts["accounts_deviceauthorization"]
    assert (device["device_hash"], device["user_code_hash"]) == ("***", "***")


def test_erasure_leaves_none_of_it(bob: User) -> None:
    for model in PERSONAL:
        assert model._default_manager.filter(user=bob).exists(), model
    erase_user(bob, reason="asked")
    for model in PERSONAL:
        assert not model._default_manager.filter(user=bob).exists(), model


def test_activity_is_forgotten_after_half_a_year(bob: User) -> None:
    mine = UserActivity.objects.filter(user=bob)
    tasks.forget_tokens()
    kept = mine.count()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_useractivity SET created_at = now() - interval '179 days'")
    tasks.forget_tokens()
    assert mine.count() == kept
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_useractivity SET created_at = now() - interval '181 days'")
    assert mine.count() == kept > 0
    tasks.forget_tokens()
    assert mine.count() == 0


def test_staff_set_how_long_activity_is_kept(people: People) -> None:
    with context.acting(actor_kind="user", actor_id=str(people.alice.pk)):
        audit.record("user.logged_in", people.alice)
        live.change({"ACTIVITY_DAYS": 30}, by=people.alice)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_useractivity SET created_at = now() - interval '31 days'")
    tasks.forget_tokens()
    assert not UserActivity.objects.filter(user=people.alice).exists()


@pytest.mark.parametrize("about", ["person", "organization"])
def test_a_copy_says_that_support_acted_but_not_who_and_from_where(
    people: People, about: str
) -> None:
    staff = create_user("s@example.com", "correct horse battery", role=User.Role.SUPPORT)
    where: dict[str, Any] = {
        "organization_id": people.organization.pk, "actor_kind": "user", "ip": "192.0.2.66",
        "user_agent": "Backoffice/1",
    }  # fmt: skip
    with context.acting(**where, actor_id=str(staff.pk)):
        audit.record("test.by_staff", people.alice)
    with context.acting(**where, actor_id=str(people.alice.pk), impersonator_id=str(staff.pk)):
        audit.record("test.by_staff", people.alice)
    own = where | {"ip": "192.0.2.1", "user_agent": "Firefox/1"}
    with context.acting(**own, actor_id=str(people.alice.pk)):
        audit.record("test.by_alice", people.alice)

    parts = _copy(people.alice, people.organization if about == "organization" else None)

    told = {row["action"]: row for row in parts["audit_log"]}
    seen = ("actor_kind", "actor_id", "ip", "user_agent")
    entries = [row for row in parts["audit_log"] if row["action"] == "test.by_staff"]
    assert [[row[name] for name in seen] for row in entries] == [["staff", None, None, None]] * 2
    assert [told["test.by_alice"][name] for name in seen] == [
        "user", str(people.alice.pk), "192.0.2.1", "Firefox/1",
    ]  # fmt: skip
    for hidden in (str(staff.pk), "192.0.2.66", "Backoffice/1"):
        assert hidden not in json.dumps(parts["audit_log"])
