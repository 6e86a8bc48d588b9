"""What staff write down about a person, for staff alone."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import User
from config.kit.models import BaseModel


class AdminNote(BaseModel):
    """A note about `user`. No customer ever sees one: the app role has no right on the table."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    note = models.TextField(max_length=4000)
    is_flagged = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar[list[str]] = ["-is_flagged", "-created_at"]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="support_adminnote_user"),
            models.Index(fields=["author"], name="support_adminnote_author"),
            models.Index(
                fields=["-created_at"],
                condition=Q(is_flagged=True),
                name="support_adminnote_flagged",
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(note=""), name="support_adminnote_note"),
        ]

    def __str__(self) -> str:
        return self.note[:60]
