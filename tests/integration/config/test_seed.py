"""The demo company: filled through the services, once, however often it is asked for."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.utils.timezone import now

from accounts.models import ApiKey, Membership, Organization, StoredCall, User, WebhookDelivery
from billing.models import UsageRecord
from config.demo.people import COMPANY, SECOND
from licensing.models import TrialWorkspace
from support.models import AdminNote

pytestmark = pytest.mark.django_db


def _fill(file: Path) -> str:
    said = StringIO()
    call_command("seed", credentials=str(file), stdout=said)
    return said.getvalue()


def test_nobody_is_made_whose_password_could_not_be_kept(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _fill(tmp_path / "no such folder" / "credentials.json")
    assert not User.objects.exists()


def test_the_demo_company_is_filled_once(tmp_path: Path, settings: LazySettings) -> None:
    settings.OUTGOING_PERMITTED_NETWORKS = ["127.0.0.1/32"]
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.STRIPE_API_BASE = ""
    file = tmp_path / "credentials.json"

    first = _fill(file)
    company, second = (Organization.objects.get(name=name) for name in (COMPANY, SECOND))
    roles = Membership.objects.filter(organization=company).values_list("role", flat=True)
    assert sorted(roles) == ["admin", "member", "member", "owner", "readonly"]
    assert set(User.objects.exclude(role="customer").values_list("role", flat=True)) == {
        "admin", "readonly", "support",
    }  # fmt: skip
    states = {key.state(now()) for key in ApiKey.objects.for_organization(company)}
    assert states == {"active", "rotated", "revoked"}
    assert ApiKey.objects.for_organization(company).neglected(now()).exists()
    calls = StoredCall.objects.filter(organization_id=company.pk)
    counted = calls.count()
    assert counted > 10_000
    assert calls.filter(called_at__lt=now() - timedelta(days=29)).exists()
    assert UsageRecord.objects.filter(organization=company).exists()
    assert TrialWorkspace.objects.get(organization=company).state(now()) == "active"
    assert TrialWorkspace.objects.get(organization=second).state(now()) == "expired"
    assert not WebhookDelivery.objects.filter(status="pending").exists()
    assert AdminNote.objects.filter(is_flagged=True).exists()
    passwords = json.loads(file.read_text())
    assert all(password in first for password in passwords.values())

    again = _fill(file)
    assert calls.count() == counted
    assert json.loads(file.read_text()) == passwords
    assert not any(password in again for password in passwords.values())
    numbers = [line.split()[0] for line in again.splitlines() if line.startswith(" ")]
    assert set(numbers[1:]) == {"0"}, again
