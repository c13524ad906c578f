"""Staying up."""
