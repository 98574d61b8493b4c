"""Where an answer other than Keras' stays, and why."""

from __future__ import annotations


def reason(op, args, kwargs, way, got, want):
    """Why this difference stays, or None."""
    return None
