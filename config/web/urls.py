"""Pages that look at every storey at once."""

from __future__ import annotations

from django.urls import path

from config.web import pages, search

urlpatterns = [
    path("", pages.overview, name="overview"),
    path("first-steps/", pages.first_steps, name="first_steps"),
    path("search/", search.search, name="search"),
    path("welcome/", pages.welcome, name="welcome"),
    path("settings/organization/", pages.organization, name="organization"),
    path("welcome/goals/", pages.goals, name="welcome_goals"),
]
