"""Where vendors send their webhooks."""

from __future__ import annotations

from django.urls import path

from billing.api.webhooks import receive_stripe

urlpatterns = [path("stripe", receive_stripe, name="webhook_stripe")]
