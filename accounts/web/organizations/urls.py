"""One's organizations and their end."""

from __future__ import annotations

from django.urls import path

from accounts.web.organizations import views

urlpatterns = [
    path("organizations/", views.organizations, name="organizations"),
    path("organizations/new/", views.new, name="organization_new"),
    path("settings/organization/close/", views.close, name="organization_close"),
    path("settings/account/close/", views.close_own_account, name="account_close"),
]
