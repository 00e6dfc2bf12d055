"""The ``cvo`` command. Heavy imports wait until a command runs, so that ``cvo --help`` answers at once."""

from cvo_ml.cli.app import app, main

__all__ = ["app", "main"]
