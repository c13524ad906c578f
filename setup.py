"""The build back end's entry point: everything else stands in setup.cfg, which pip does not read alone."""

from setuptools import setup

setup()
