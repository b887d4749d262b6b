"""`errand doctor`: what is right here, what is wrong, and what mends it."""

from app.cli.doctor.report import report

__all__ = ["report"]
