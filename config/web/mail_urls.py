"""The demo's mailbox; config/urls.py includes it only when SWITCHYARD_DEMO is set."""

from __future__ import annotations

from django.urls import path

from config.web import mail_views

urlpatterns = [
    path("", mail_views.mailbox, name="demo_mail"),
    path("<str:name>/", mail_views.message, name="demo_mail_message"),
    path("<str:name>/html/", mail_views.html_part, name="demo_mail_html"),
]
