"""Pictures of people: taken in, made harmless, given a name nobody can guess, removed."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Avatar, User
from accounts.rules.pictures import BadPicture, make_squares
from config.kit.errors import InvalidInput
from config.kit.ids import random_token


class PictureRefused(InvalidInput):
    code = "picture_refused"
    message = "This picture cannot be used."


def set_avatar(user: User, *, upload: bytes) -> User:
    """Show `upload`, the bytes of a picture file, from now on. Decoding holds no lock."""
    try:
        large, small = make_squares(upload)
    except BadPicture as error:
        problem = {"pointer": "/picture", "code": "picture_refused", "detail": str(error)}
        raise PictureRefused(str(error), errors=[problem]) from error
    return _show(user, large, small)


@transaction.atomic
def _show(user: User, large: bytes, small: bytes) -> User:
    user = User.objects.select_for_update().get(pk=user.pk)
    user.avatar = random_token()
    Avatar.objects.filter(user=user).delete()
    Avatar.objects.create(user=user, name=user.avatar, large=large, small=small)
    user.save(update_fields=["avatar"])
    return user


@transaction.atomic
def remove_avatar(user: User) -> User:
    user = User.objects.select_for_update().get(pk=user.pk)
    Avatar.objects.filter(user=user).delete()
    user.avatar = ""
    user.save(update_fields=["avatar"])
    return user
