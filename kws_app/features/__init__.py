"""Samples to coefficients."""
