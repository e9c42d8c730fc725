"""The version, equal to the repository's VERSION file (a test compares them)."""

__version__ = "0.1.0"
