"""Seals of the audit trail as Django sees them, and what watching the trail has found."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from django.db import models
from django.db.models import Q

from config.kit.models import BaseModel


class Seal(models.Model):
    """The signed hash of rows that became final together; each names the hash of the one before.

    A `window` covers the transactions from `from_txid` up to `until_txid` among the rows after
    `after_id`. An `anchor` begins anew where transaction numbers restarted (a restored dump): it
    covers all rows up to `upto_id` that no seal before it did.
    """

    class Kind(models.TextChoices):
        WINDOW = "window"
        ANCHOR = "anchor"

    seq = models.BigIntegerField(primary_key=True)
    kind = models.TextField(choices=Kind)
    system_id = models.TextField()
    after_id = models.BigIntegerField()
    covered_id = models.BigIntegerField()
    upto_id = models.BigIntegerField(null=True)
    from_txid = models.TextField()
    until_txid = models.TextField()
    row_count = models.BigIntegerField(verbose_name="rows")
    first_id = models.BigIntegerField(null=True)
    last_id = models.BigIntegerField(null=True)
    first_at = models.DateTimeField(null=True)
    last_at = models.DateTimeField(null=True)
    canon_version = models.SmallIntegerField()
    rows_digest = models.BinaryField()
    previous = models.BinaryField()
    hash = models.BinaryField()
    key_id = models.TextField()
    mac = models.TextField()
    sealed_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = 'audit"."seals'
        ordering: ClassVar[list[str]] = ["-seq"]

    def __str__(self) -> str:
        return f"seal {self.seq}"

    def save(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("seals are written by accounts.services.seals.sealing alone")

    def delete(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("seals are append-only")


class TrailAlert(BaseModel):
    """Something about the audit trail that a person must look at; one open row a kind."""

    class Kind(models.TextChoices):
        BROKEN = "broken", "The chain of seals is broken"
        LATE = "late", "Sealing is late"
        OUTSIDER = "outsider", "Written past the application"
        UNSORTED = "unsorted", "Entries outside a month"

    kind = models.CharField(max_length=16, choices=Kind)
    detail = models.TextField()
    seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, editable=False)
    posted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                "kind", condition=Q(resolved_at=None), name="accounts_trailalert_open"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["broken", "late", "outsider", "unsorted"]),
                name="accounts_trailalert_kind",
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())
