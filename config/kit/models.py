"""The model every table starts from: time-ordered keys, timestamps kept by the database."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from config.kit.ids import uuid7
from config.kit.money import Money


class BaseModel(models.Model):
    """UUIDv7 primary key; `updated_at` is set by a trigger, so raw and bulk updates count too."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True


class MoneyDescriptor:
    """Reads two columns, `<name>_minor` and the currency, as one `Money`; writing names the columns."""

    def __init__(self, minor_field: str, currency_field: str = "currency") -> None:
        self.minor_field = minor_field
        self.currency_field = currency_field

    def __get__(self, instance: models.Model, owner: type[models.Model] | None = None) -> Money:
        return Money(getattr(instance, self.minor_field), getattr(instance, self.currency_field))

    def __set__(self, instance: models.Model, value: Money) -> None:
        raise AttributeError(f"set {self.minor_field} and {self.currency_field} instead")


class CurrencyField(models.CharField):  # type: ignore[type-arg]
    """An ISO 4217 code; the database refuses anything but three capital letters."""

    description = "ISO 4217 currency code"

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs["max_length"] = 3
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
