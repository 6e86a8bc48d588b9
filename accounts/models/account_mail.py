"""The mails of the sign-in pages that are owed."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Q

from config.kit.ids import unseal
from config.kit.models import BaseModel


class AccountMailQuerySet(models.QuerySet["AccountMail"]):
    def due(self, at: datetime) -> AccountMailQuerySet:
        """Narrow to what is to be sent, and is in no worker's hands."""
        return self.filter(Q(claimed_until=None) | Q(claimed_until__lte=at))


class AccountMail(BaseModel):
    """A mail to be sent, deleted once it is; whom to, only the sealed message says in clear.

    Until `claimed_until` a worker is sending it, or it waits after a try that failed.
    """

    message_sealed = models.BinaryField(editable=False)
    address_hash = models.CharField(max_length=64)
    claimed_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)

    objects = AccountMailQuerySet.as_manager()

    def __str__(self) -> str:
        return f"account mail {self.pk}"

    @property
    def message(self) -> str:
        return unseal(bytes(self.message_sealed))
