"""Pages about oneself, and pictures."""

from __future__ import annotations

from django.urls import path

from accounts.web.profile import views

urlpatterns = [
    path("profile/", views.profile, name="profile"),
    path("profile/picture/", views.picture, name="picture"),
    path("profile/picture/remove/", views.picture_remove, name="picture_remove"),
    path("avatars/<slug:avatar>/<slug:size>.webp", views.avatar, name="avatar"),
]
