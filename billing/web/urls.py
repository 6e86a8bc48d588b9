"""Catalogue, checkout and billing."""

from __future__ import annotations

from django.urls import path

from billing.web import catalog, checkout, invoices, overview, profile, subscriptions

urlpatterns = [
    path("catalog/", catalog.catalog, name="catalog"),
    path("catalog/<slug:slug>/", catalog.product, name="catalog_product"),
    path("checkout/<uuid:order_id>/", checkout.review, name="checkout"),
    path("checkout/<uuid:order_id>/pay/", checkout.pay, name="checkout_pay"),
    path("checkout/<uuid:order_id>/return/", checkout.returned, name="checkout_return"),
    path("checkout/<uuid:order_id>/cancel/", checkout.cancel, name="checkout_cancel"),
    path("billing/", overview.billing, name="billing"),
    path("billing/invoices/", invoices.invoice_list, name="invoices"),
    path("billing/invoices/<uuid:invoice_id>/", invoices.invoice, name="invoice"),
    path("billing/invoices/<uuid:invoice_id>/pdf/", invoices.pdf, name="invoice_pdf"),
    path(
        "billing/subscriptions/<uuid:subscription_id>/",
        subscriptions.subscription,
        name="subscription",
    ),
    path(
        "billing/subscriptions/<uuid:subscription_id>/cancel/",
        subscriptions.cancel,
        name="subscription_cancel",
    ),
    path(
        "billing/subscriptions/<uuid:subscription_id>/resume/",
        subscriptions.resume,
        name="subscription_resume",
    ),
    path("billing/profile/", profile.billing_profile, name="billing_profile"),
]
