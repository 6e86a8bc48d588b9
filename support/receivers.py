"""What happens next for staff: who is forgotten leaves no note behind."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from accounts.events import user_erased
from accounts.models import User
from support.models import AdminNote


@receiver(user_erased)
def _user_erased(user: User, **_: Any) -> None:
    AdminNote.objects.filter(user=user).delete()
