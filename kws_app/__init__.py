"""A wake-word service for small boards."""

__version__ = "0.1.0"
