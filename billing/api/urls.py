"""The API of billing."""

from __future__ import annotations

from django.urls import path

from billing.api import usage, views

urlpatterns = [
    path("products", views.ProductsView.as_view(), name="api_products"),
    path("orders", views.OrdersView.as_view(), name="api_orders"),
    path("orders/<uuid:order_id>", views.OrderDetailView.as_view(), name="api_order"),
    path(
        "orders/<uuid:order_id>/checkout",
        views.OrderCheckoutView.as_view(),
        name="api_order_checkout",
    ),
    path("subscriptions", views.SubscriptionsView.as_view(), name="api_subscriptions"),
    path(
        "subscriptions/<uuid:subscription_id>",
        views.SubscriptionDetailView.as_view(),
        name="api_subscription",
    ),
    path(
        "subscriptions/<uuid:subscription_id>/cancel",
        views.SubscriptionCancelView.as_view(),
        name="api_subscription_cancel",
    ),
    path(
        "subscriptions/<uuid:subscription_id>/resume",
        views.SubscriptionResumeView.as_view(),
        name="api_subscription_resume",
    ),
    path("billing/usage", usage.BillingUsageView.as_view(), name="api_billing_usage"),
    path("invoices", views.InvoicesView.as_view(), name="api_invoices"),
    path("invoices/<uuid:invoice_id>", views.InvoiceDetailView.as_view(), name="api_invoice"),
    path("invoices/<uuid:invoice_id>/pdf", views.InvoicePdfView.as_view(), name="api_invoice_pdf"),
]
