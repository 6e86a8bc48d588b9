"""ADM-6: settings are typed, secrets are written and never read, only public ones leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from constance.models import Constance
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from accounts.models import AuditLog, UserActivity
from accounts.services.live import forget, live

HOOK = "https://chat.example/hooks/T0P-S3CRET"


@pytest.fixture(autouse=True)
def read_anew(db: None) -> Iterator[None]:
    yield
    Constance.objects.all().delete()
    forget()
    live("SIGN_UP_OPEN")


def page() -> str:
    return reverse("admin:constance_config_changelist")


def typed(client: Client, **changes: Any) -> dict[str, Any]:
    """Return the page's own form filled in as it stands, with `changes`."""
    form = client.get(page()).context["form"]
    values = {name: form.initial.get(name, "") for name in form.fields}
    values = {name: value for name, value in values.items() if value is not False}
    return values | changes


def test_an_administrator_changes_a_setting_and_the_trail_knows(admin: Client) -> None:
    answer = admin.post(page(), typed(admin, TRIAL_DAYS="30", ANNOUNCEMENT="Back at noon."))
    assert answer.status_code == 302
    assert live("TRIAL_DAYS") == 30
    event = AuditLog.objects.filter(action="settings.changed").get()
    assert event.new_values == {"names": ["ANNOUNCEMENT", "TRIAL_DAYS"]}
    assert AuditLog.objects.filter(entity_type="constance_constance").count() == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("TRIAL_DAYS", "soon"), ("TRIAL_DAYS", "0"), ("TERMS_URL", "javascript:alert(1)"),
     ("SUPPORT_EMAIL", "nobody"), ("ANNOUNCEMENT", "x" * 301)],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_refused(admin: Client, name: str, value: str) -> None:
    answer = admin.post(page(), typed(admin, **{name: value}))
    assert answer.status_code == 422
    assert name in answer.context["form"].errors
    shown = re.search(rf'id="id_{name}_helptext".*?errorlist', answer.content.decode(), re.DOTALL)
    assert shown, "the error stands at its field"
    assert not Constance.objects.exists()


def test_a_secret_is_sealed_kept_when_left_empty_and_never_shown(admin: Client) -> None:
    admin.post(page(), typed(admin, ALERT_WEBHOOK_URL=HOOK))
    admin.post(page(), typed(admin, ANNOUNCEMENT="Hello"))
    assert live("ALERT_WEBHOOK_URL") == HOOK
    assert HOOK not in Constance.objects.get(key="ALERT_WEBHOOK_URL").value
    assert b"S3CRET" not in admin.get(page()).content
    assert not AuditLog.objects.filter(new_values__icontains="S3CRET").exists()


def test_the_page_says_whether_a_secret_is_set_and_removes_it(admin: Client) -> None:
    assert "not set" in admin.get(page()).content.decode()
    assert "Remove it" not in admin.get(page()).content.decode()
    admin.post(page(), typed(admin, ALERT_WEBHOOK_URL=HOOK))
    shown = admin.get(page()).content.decode()
    assert "not set" not in shown
    assert "Remove it" in shown
    admin.post(page(), typed(admin, remove_ALERT_WEBHOOK_URL="on"))
    assert live("ALERT_WEBHOOK_URL") == ""
    assert "not set" in admin.get(page()).content.decode()


def test_every_setting_has_a_label_and_says_what_it_does(support: Client) -> None:
    shown = support.get(page()).content.decode()
    for name, setting in settings.LIVE.items():
        assert f'<label for="id_{name}">' in shown
        assert escape(setting.description) in shown


def test_of_two_who_change_settings_at_once_the_second_is_told(admin: Client) -> None:
    stale = typed(admin, ANNOUNCEMENT="Second")
    admin.post(page(), typed(admin, ANNOUNCEMENT="First"))
    answer = admin.post(page(), stale)
    assert answer.status_code == 422
    assert "modified by someone else" in answer.content.decode()
    assert live("ANNOUNCEMENT") == "First"


@pytest.mark.parametrize("role", ["support", "readonly"])
def test_other_staff_read_settings_and_change_none(staff: Any, role: str) -> None:
    client = staff(role)
    assert client.get(page()).status_code == 200
    client.post(page(), typed(client, TRIAL_DAYS="30"))
    assert not Constance.objects.exists()


def test_who_changes_a_setting_has_done_something(admin: Client) -> None:
    admin.post(page(), typed(admin, TRIAL_DAYS="30"))
    done = UserActivity.objects.get(action="settings.changed")
    assert done.user.email == "admin@switchyard.example"
    assert done.data == {"names": ["TRIAL_DAYS"]}
