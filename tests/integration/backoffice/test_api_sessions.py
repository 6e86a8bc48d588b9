"""Staff look at API sessions, hand-overs and reports, and change nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import BridgeToken, DeviceAuthorization, RefreshToken, SyncLog
from tests.conftest import make_people
from tests.factories.tokens import leave_traces

MODELS = (RefreshToken, BridgeToken, DeviceAuthorization, SyncLog)


def address(model: Any, view: str, *arguments: Any) -> str:
    return reverse(f"admin:accounts_{model._meta.model_name}_{view}", args=arguments)


@pytest.fixture
def traces(admin: Client) -> None:
    leave_traces(make_people().alice, 1)


@pytest.mark.usefixtures("traces")
@pytest.mark.parametrize("model", MODELS)
def test_staff_may_look_and_nobody_may_write(admin: Client, model: Any) -> None:
    row = model.objects.get()
    listed = admin.get(address(model, "changelist") + "?q=alice")
    assert listed.status_code == 200
    assert "alice@example.com" in listed.content.decode()
    page = admin.get(address(model, "change", row.pk))
    assert page.status_code == 200
    for secret in ("token_hash", "device_hash", "user_code_hash", "challenge"):
        assert not hasattr(row, secret) or getattr(row, secret) not in page.content.decode()
    assert admin.get(address(model, "add")).status_code == 403
    for view in ("change", "delete"):
        assert admin.post(address(model, view, row.pk), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()
