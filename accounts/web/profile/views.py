"""The profile of the signed-in person, and pictures of people."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import Avatar
from accounts.services.avatars import PictureRefused, remove_avatar, set_avatar
from accounts.services.users import update_profile
from accounts.web.profile.forms import PictureForm, ProfileForm
from config.kit.errors import NotFound

_HEADERS = {
    # A picture is decoded and written anew before it is stored; these are the second lock.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    # A name is never given to another picture.
    "Cache-Control": "private, max-age=31536000, immutable",
}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: Any) -> HttpResponse:
    """Name, phone, time zone and way of writing dates."""
    form = ProfileForm(request.POST) if request.method == "POST" else ProfileForm.of(request.user)
    if form.is_bound and form.is_valid():
        update_profile(request.user, **form.cleaned_data)
        messages.success(request, "Your profile is saved.")
        return redirect("profile")
    membership = request.membership
    facts = {
        "form": form,
        "may_describe": membership is not None and membership.allows("manage_organization"),
    }
    return render(request, "accounts/profile.html", facts, status=422 if form.is_bound else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def picture(request: Any) -> HttpResponse:
    """Show the picture, take another one."""
    posted = request.method == "POST"
    form = PictureForm(request.POST, request.FILES) if posted else PictureForm()
    if posted and form.is_valid():
        try:
            set_avatar(request.user, upload=form.cleaned_data["picture"])
        except PictureRefused as refusal:
            form.add_error("picture", refusal.detail)
        else:
            messages.success(request, "Your picture is saved.")
            return redirect("profile")
    return render(request, "accounts/picture.html", {"form": form}, status=422 if posted else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def picture_remove(request: Any) -> HttpResponse:
    if request.method != "POST":
        return render(request, "accounts/picture_remove.html")
    remove_avatar(request.user)
    messages.success(request, "Your picture is removed.")
    return redirect("profile")


@require_GET
@login_required
def avatar(request: HttpRequest, avatar: str, size: str) -> HttpResponse:
    """Send a picture to who is signed in and knows its name."""
    column = {"large": "large", "small": "small"}.get(size)
    if column is None:
        raise NotFound
    found = Avatar.objects.filter(name=avatar).values_list(column, flat=True).first()
    if found is None:
        raise NotFound
    return HttpResponse(bytes(found), content_type="image/webp", headers=_HEADERS)
