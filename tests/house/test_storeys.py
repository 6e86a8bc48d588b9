"""The order of the storeys where no linter looks: foreign keys."""

from __future__ import annotations

from django.apps import apps

STOREYS = {"accounts": 0, "billing": 1, "licensing": 2, "cloud": 3, "iot": 3, "support": 4}


def test_foreign_keys_point_downwards() -> None:
    upward = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.is_relation
        and field.concrete
        and {model._meta.app_label, field.related_model._meta.app_label} <= STOREYS.keys()
        and model._meta.app_label != field.related_model._meta.app_label
        and STOREYS[field.related_model._meta.app_label] >= STOREYS[model._meta.app_label]
    ]
    assert upward == []
