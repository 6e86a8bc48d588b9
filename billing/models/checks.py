"""Constraints that several billing models share, so that each is written once."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q


def currency_code(name: str) -> models.CheckConstraint:
    """Refuse a currency that is not three capital letters."""
    return models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name=name)


def one_of(field: str, values: list[str], name: str) -> models.CheckConstraint:
    """Refuse a value of `field` outside its choices, whoever writes it."""
    return models.CheckConstraint(condition=Q(**{f"{field}__in": values}), name=name)


def earlier(start: str, end: str, name: str) -> models.CheckConstraint:
    """Refuse a half-open span [start, end) that is empty or backwards."""
    return models.CheckConstraint(condition=Q(**{f"{start}__lt": F(end)}), name=name)
