"""The first member of staff: made on the command line, able to sign in, told apart in the trail."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command

from accounts.models import AuditLog, User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return file


def test_the_first_administrator_gets_in_and_the_trail_names_an_operator(
    password_file: Path, capsys: Any, settings: Any
) -> None:
    call_command(
        "create_staff", "Ada@Example.com", role="admin", superuser=True, password_file=password_file
    )
    said = capsys.readouterr().out
    assert settings.BACKOFFICE_URL in said
    assert "second factor" in said
    ada = User.objects.get(email="ada@example.com")
    assert (ada.role, ada.is_superuser, ada.is_staff) == ("admin", True, True)
    assert ada.check_password(PASSWORD)
    address = EmailAddress.objects.get(user=ada)
    assert (address.email, address.verified, address.primary) == (ada.email, True, True)
    kinds = AuditLog.objects.filter(entity_id=str(ada.pk)).values_list("actor_kind", flat=True)
    assert set(kinds) == {"operator"}


def test_the_password_may_come_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nnext line\n"))
    call_command("create_staff", "sam@example.com", role="support")
    sam = User.objects.get(email="sam@example.com")
    assert sam.check_password(PASSWORD)
    assert (sam.role, sam.is_superuser) == ("support", False)


@pytest.mark.parametrize(
    ("email", "options", "said"),
    [
        ("sam@example.com", {"role": "support", "superuser": True}, "goes with --role admin"),
        ("no address", {"role": "support"}, "valid email"),
        ("Taken@example.com", {"role": "support"}, "has an account"),
        ("sam@example.com", {"role": "support", "password_file": "/none"}, "cannot be read"),
        ("correct@horse.example", {"role": "admin"}, "too similar"),
    ],
)
def test_what_cannot_be_is_refused_and_makes_nobody(
    email: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    User.objects.create_user("taken@example.com", username="taken")
    file = tmp_path / "password"
    file.write_text("correct@horse.example")
    with pytest.raises(CommandError, match=said):
        call_command("create_staff", email, **{"password_file": str(file), **options})
    assert User.objects.count() == 1
