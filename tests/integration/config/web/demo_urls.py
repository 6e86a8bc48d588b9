"""The site's addresses as the demo has them."""

from __future__ import annotations

from django.urls import include, path

from config.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500"]

urlpatterns = [*urlpatterns, path("demo/mail/", include("config.web.mail_urls"))]
