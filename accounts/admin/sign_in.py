"""The back office does without allauth's own pages of sessions and providers.

They would let staff write what only a sign-in may write, and show what nobody has to see.
"""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin

admin.site.unregister([SocialAccount, SocialApp, SocialToken, UserSession])
