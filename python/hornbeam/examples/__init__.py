"""Examples, each run as ``python -m hornbeam.examples.NAME``."""
