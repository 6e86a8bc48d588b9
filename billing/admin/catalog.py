"""The catalogue: products to edit, prices to add and withdraw."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.http import HttpRequest
from unfold.decorators import display

from billing.models import Price, Product
from billing.rules.metering import require_rates
from billing.services import catalog
from config.kit.asking import AskedAction
from config.kit.backoffice import StaffAdmin, StaffInline
from config.kit.errors import DomainError
from config.kit.forms import refuse


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in {"specs", "grants"} & set(cleaned):
            cleaned[name] = {} if cleaned[name] is None else cleaned[name]
        try:
            if "grants" in cleaned:
                catalog.require_grants(cleaned.get("kind", self.instance.kind), cleaned["grants"])
            if "specs" in cleaned:
                require_rates(cleaned["specs"])
        except DomainError as refusal:
            refuse(self, refusal)
        return cleaned


class PriceInline(StaffInline):
    model = Price
    fields = ("amount", "interval", "currency", "is_active", "created_at")
    readonly_fields = fields

    @display(description="Amount")
    def amount(self, price: Price) -> str:
        return str(price.unit_amount)


@admin.register(Product)
class ProductAdmin(StaffAdmin):
    form = ProductForm
    list_display = ("name", "kind", "category", "sku", "is_active", "stock", "sort_order")
    list_filter = ("kind", "is_active", "category")
    search_fields = ("name", "sku", "slug", "category")
    show_facets = ShowFacets.ALWAYS
    ordering = ("sort_order", "name")
    inlines = (PriceInline,)
    may_add = True
    editable_fields = (
        "name", "category", "description", "features", "specs", "grants", "sort_order",
        "is_active", "stock",
    )  # fmt: skip
    fields_when_adding = ("kind", "slug", "sku")
    fieldsets = (
        (None, {"fields": ("name", ("kind", "category"), ("slug", "sku"), "description")}),
        ("On sale", {"fields": (("is_active", "stock", "sort_order"),)}),
        ("What it is and what it gives", {"fields": ("features", "specs", "grants")}),
    )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        names = [*self.editable_fields, *self.fields_when_adding]
        fields = {name: getattr(obj, name) for name in names if name != "slug"}
        saved = catalog.publish_product(obj.slug, **fields)
        obj.pk, obj._state.adding = saved.pk, False


@admin.register(Price)
class PriceAdmin(StaffAdmin):
    """A price is added or withdrawn, never edited: what was sold at it must stay true."""

    list_display = ("product", "amount", "interval", "currency", "is_active", "created_at")
    list_filter = ("is_active", "interval", "currency")
    list_select_related = ("product",)
    search_fields = ("product__name", "product__sku")
    autocomplete_fields = ("product",)
    show_facets = ShowFacets.ALWAYS
    ordering = ("product__name", "unit_amount_minor")
    may_add = True
    fields_when_adding = ("product", "interval", "currency", "unit_amount_minor")
    fieldsets = (
        (None, {"fields": ("product", ("interval", "currency"), "unit_amount_minor", "is_active")}),
    )
    asked_actions = (
        AskedAction(
            "withdraw",
            "Withdraw",
            permission="billing.change_price",
            effect="Nobody can buy at this price any more. Subscriptions sold at it keep it.",
            work=lambda price, reason: catalog.withdraw_price(price),
            applies=lambda price: price.is_active,
            needs_reason=False,
            danger=True,
            icon="remove_shopping_cart",
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ((None, {"fields": self.fields_when_adding, "description": _ADDING_PRICE}),)
        return super().get_fieldsets(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        saved = catalog.set_price(obj.product, interval=obj.interval, unit_amount=obj.unit_amount)
        obj.pk, obj._state.adding = saved.pk, False

    @display(description="Amount", ordering="unit_amount_minor")
    def amount(self, price: Price) -> str:
        return str(price.unit_amount)


_ADDING_PRICE = (
    "The amount is in the smallest unit of the currency (EUR 12.50 is 1250), without VAT. A price "
    "of the same product, interval and currency is withdrawn; what was sold at it stays."
)
