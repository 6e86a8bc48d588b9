"""Staff who look as a customer: in, out, over."""

from __future__ import annotations

from django.urls import path

from accounts.web.support_view import views

urlpatterns = [
    path("support-view/", views.begin, name="support_view"),
    path("support-view/end/", views.end, name="support_view_end"),
    path("support-view/over/", views.over, name="support_view_over"),
]
