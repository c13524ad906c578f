"""Coefficients to scores."""
