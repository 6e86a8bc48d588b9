"""A person's picture, in the sizes it is shown in; never the file that was uploaded."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Length

from accounts.models.user import User
from config.kit.models import BaseModel

models.BinaryField.register_lookup(Length)


class Avatar(BaseModel):
    """WebP files of two fixed sizes under a random name, which is also the person's `avatar`.

    A new picture gets a new name, so what a browser keeps is never out of date.
    """

    user = models.OneToOneField(User, models.CASCADE, related_name="picture")
    name = models.CharField(max_length=43, unique=True)
    large = models.BinaryField()
    small = models.BinaryField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(large__length__range=(1, 262_144), small__length__range=(1, 65_536)),
                name="accounts_avatar_size",
            ),
        ]

    def __str__(self) -> str:
        return self.name
