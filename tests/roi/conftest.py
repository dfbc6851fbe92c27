"""Hypothesis without a time limit for each example: test machines stall."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None, max_examples=60)
settings.load_profile("untimed")
