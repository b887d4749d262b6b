"""Errand: hands work to coding-agent command lines and brings the result back."""

__version__ = "0.1.0"
