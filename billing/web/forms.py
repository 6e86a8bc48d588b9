"""What people fill in about purchases and invoices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.db import transaction

from accounts.models import Organization
from accounts.web.countries import countries
from billing.models import BillingProfile, Price, SavedCard
from billing.rules.orders import MOST
from billing.services.currencies import choose_currency, currency_is_fixed
from billing.services.customers import describe_customer
from config.kit.errors import DomainError

PER = {"hourly": "an hour", "monthly": "a month", "yearly": "a year", "one_off": "once"}
PAGE = "page"


def price_words(price: Price) -> str:
    return f"{price.unit_amount} {PER[price.interval]}"


def offered_currencies() -> list[tuple[str, str]]:
    """The currencies that something is priced in."""
    codes = Price.objects.on_sale().order_by("currency").values_list("currency", flat=True)
    return [(code, code) for code in codes.distinct()]


class PurchaseForm(forms.Form):
    """What to buy of one product; the key makes a double submit one order."""

    price = forms.ChoiceField(label="Billed", widget=forms.RadioSelect)
    quantity = forms.IntegerField(
        min_value=1,
        max_value=MOST,
        initial=1,
        error_messages={
            "min_value": "Order at least 1.",
            "max_value": f"Order at most {MOST} at once.",
        },
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, prices: Sequence[Price], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prices = {str(price.pk): price for price in prices}
        choice: Any = self.fields["price"]
        choice.choices = [(key, price_words(price)) for key, price in self.prices.items()]
        self.fields["price"].initial = next(iter(self.prices), "")
        self.fields["key"].initial = uuid4()

    @property
    def chosen(self) -> Price:
        return self.prices[self.cleaned_data["price"]]

    @property
    def client_key(self) -> str:
        """The key that this page was rendered with; without one each submit is an order."""
        return str(self.cleaned_data["key"] or uuid4())


class PaymentForm(forms.Form):
    """How to pay: a card on file, or the vendor's page."""

    method = forms.ChoiceField(label="Pay with", widget=forms.RadioSelect)

    def __init__(self, cards: Iterable[SavedCard], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Each visit to the vendor's page keeps the card anew: one of its likes is enough.
        unlike: dict[str, SavedCard] = {}
        for card in cards:
            unlike.setdefault(card_words(card), card)
        self.cards = {str(card.pk): card for card in unlike.values()}
        choices = [(key, card_words(card)) for key, card in self.cards.items()]
        choice: Any = self.fields["method"]
        choice.choices = [*choices, (PAGE, "Another card, on the secure payment page")]
        self.fields["method"].initial = choice.choices[0][0]

    @property
    def card(self) -> SavedCard | None:
        return self.cards.get(self.cleaned_data["method"])


def card_words(card: SavedCard) -> str:
    return f"{card}, expires {card.exp_month:02d}/{card.exp_year}"


class ProfileForm(forms.Form):
    """Whom invoices are made out to."""

    legal_name = forms.CharField(
        max_length=200,
        help_text="Your company as registered, or your own full name.",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    address = forms.CharField(
        max_length=500,
        required=False,
        help_text="Street, postal code and city. The country stands below it.",
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "street-address"}),
    )
    country = forms.ChoiceField(help_text="Decides which VAT is added.")
    vat_id = forms.CharField(
        label="VAT ID",
        max_length=20,
        required=False,
        help_text="Companies of another EU country pay no VAT with it (reverse charge).",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    currency = forms.ChoiceField(help_text="Fixed with your first order.")

    def __init__(self, profile: BillingProfile, *args: Any, **kwargs: Any) -> None:
        known = {name: getattr(profile, name) for name in self.base_fields}
        super().__init__(*args, initial=known, **kwargs)
        self.organization: Organization = profile.organization
        country: Any = self.fields["country"]
        country.choices = [("", "Choose a country"), *countries()]
        currency: Any = self.fields["currency"]
        currency.choices = offered_currencies() or [(profile.currency, profile.currency)]
        if currency_is_fixed(self.organization):
            currency.choices = [(profile.currency, profile.currency)]
            currency.disabled, currency.help_text = True, "Fixed since your first order."

    def save(self) -> bool:
        """Store it; a refusal becomes the error of its field."""
        said: dict[str, Any] = dict(self.cleaned_data)
        currency = said.pop("currency")
        try:
            with transaction.atomic():
                describe_customer(self.organization, **said)
                choose_currency(self.organization, currency)
        except DomainError as refusal:
            fields = {"invalid_country": "country", "currency_fixed": "currency"}
            self.add_error(fields.get(refusal.code, "vat_id"), refusal.detail)
            return False
        return True
