"""Pages about trials: what may be tried, what is, and how it goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import ApiKey
from accounts.services.live import live
from accounts.web.access import member_required, require
from billing.models import Product
from config.kit.errors import DomainError, NotFound
from config.kit.forms import refuse
from config.kit.live import live_page
from licensing.models import TrialWorkspace
from licensing.rules.trials import KEY_TIER, MOST_KEYS, TrialNotOffered, TrialTier, offer_of
from licensing.services import trials

SOON = timedelta(minutes=10)
"""So long after its start the page of a trial asks for its license: it is made within seconds."""
_TIER_WORDS = {TrialTier.STANDARD: "Standard", TrialTier.ENTERPRISE: "Enterprise"}


class TrialForm(forms.Form):
    """What to call a trial; the tier is asked only where the product offers a choice."""

    name = forms.CharField(max_length=120, label="Name of the workspace")
    slug = forms.CharField(
        max_length=63,
        required=False,
        label="Short name",
        help_text="3 to 63 small letters, digits and dashes. Left empty, one is made for you.",
    )
    tier = forms.ChoiceField(required=False)

    def __init__(
        self, product: Product, tiers: frozenset[TrialTier], *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        offered = [tier for tier in TrialTier if tier in tiers]
        if len(offered) > 1:
            field: Any = self.fields["tier"]
            field.choices = [(tier.value, _tier_words(product, tier)) for tier in offered]
        else:
            del self.fields["tier"]
        self.only = offered[0].value

    @property
    def chosen_tier(self) -> str:
        return self.cleaned_data.get("tier") or self.only


def _tier_words(product: Product, tier: TrialTier) -> str:
    """Return what a tier is called, with what it gives: that is limits of calls of an API."""
    if product.kind != Product.Kind.API:
        return _TIER_WORDS[tier]
    return f"{_TIER_WORDS[tier]}: with the limits of the {KEY_TIER[tier]} tier"


class KeyForm(forms.Form):
    name = forms.CharField(max_length=100, label="Name of the key")


@require_GET
@member_required()
def trial_list(request: Any) -> HttpResponse:
    """The organization's trials, and the products it has not tried yet."""
    held = TrialWorkspace.objects.for_organization(request.organization).select_related("product")
    shown = list(held)
    for trial in shown:
        trial.shown_state = trial.state(now())
    tried = {trial.product_id for trial in shown}
    facts = {
        "trials": shown,
        "offers": [offer for offer in _offers() if offer["product"].pk not in tried],
        "may_start": request.membership.allows("start_trial"),
    }
    return render(request, "licensing/trial_list.html", facts)


def _offers() -> list[dict[str, Any]]:
    """Return the products on sale that offer a trial, each with its length in days."""
    found = []
    for product in Product.objects.on_sale().filter(grants__has_key="trial"):
        try:
            days, _ = offer_of(product.grants, live("TRIAL_DAYS"))
        except TrialNotOffered:
            continue
        found.append({"product": product, "days": days})
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("start_trial")
def start(request: Any, slug: str) -> HttpResponse:
    """Ask for a name, start the trial, and show its first key this once."""
    product = Product.objects.on_sale().filter(slug=slug).first()
    if product is None:
        raise NotFound
    days, tiers = offer_of(product.grants, live("TRIAL_DAYS"))
    initial = {"name": f"{request.organization.name} {product.name}"[:120]}
    form = TrialForm(product, tiers, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            trial, secret = trials.start_trial(
                request.organization,
                product=product,
                name=form.cleaned_data["name"],
                slug=form.cleaned_data["slug"],
                tier=form.chosen_tier,
                by=request.user,
                at=now(),
            )
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            return _reveal(request, trial, secret)
    facts = {"product": product, "days": days, "form": form}
    return render(request, "licensing/trial_start.html", facts, status=422 if form.errors else 200)


@require_GET
@member_required()
@live_page
def trial(request: Any, trial_id: UUID) -> HttpResponse:
    """How long it lasts, its keys, its license, and the ways on."""
    found = own_trial(request, trial_id)
    at = now()
    found.shown_state = found.state(at)
    held = ApiKey.objects.for_organization(request.organization)
    keys = list(held.filter(trial_key__workspace=found).order_by("-created_at"))
    for key in keys:
        key.shown_state = key.state(at)
    awaits_license = _awaits_license(found)
    facts = {
        "trial": found,
        "keys": keys,
        "awaits_license": awaits_license,
        "is_live": awaits_license and at < found.created_at + SOON,
        "may_convert": found.may_convert(at),
        "may_start": request.membership.allows("start_trial"),
        "may_buy": request.membership.allows("buy"),
        "may_add_key": found.shown_state == TrialWorkspace.Status.ACTIVE
        and sum(not key.is_revoked for key in keys) < MOST_KEYS,
    }
    return render(request, "licensing/trial_detail.html", facts)


def _awaits_license(trial: Any) -> bool:
    is_for_license = trial.product.kind == Product.Kind.LICENSE
    return is_for_license and trial.license_id is None and trial.shown_state == "active"


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("start_trial")
def add_key(request: Any, trial_id: UUID) -> HttpResponse:
    """Make another key of the trial and show it this once."""
    found = own_trial(request, trial_id)
    require(request, "manage_keys")
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _, secret = trials.add_key(
                found, name=form.cleaned_data["name"], by=request.user, at=now()
            )
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            return _reveal(request, found, secret)
    facts = {"trial": found, "form": form}
    return render(request, "licensing/trial_key.html", facts, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@member_required("start_trial")
def cancel(request: Any, trial_id: UUID) -> HttpResponse:
    """Say what stops; then stop it."""
    found = own_trial(request, trial_id)
    if request.method != "POST":
        return render(request, "licensing/trial_cancel.html", {"trial": found})
    trials.cancel_trial(found, at=now())
    messages.success(request, f"The trial {found.name} is cancelled.")
    return redirect("trial", trial_id)


def own_trial(request: Any, trial_id: UUID) -> Any:
    rows = TrialWorkspace.objects.for_organization(request.organization)
    found = rows.select_related("product", "license", "subscription").filter(pk=trial_id).first()
    if found is None:
        raise NotFound
    return found


def _reveal(request: Any, trial: TrialWorkspace, secret: str) -> HttpResponse:
    return render(request, "licensing/trial_secret.html", {"trial": trial, "secret": secret})
