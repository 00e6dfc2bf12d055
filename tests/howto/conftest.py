"""The pages run commands as the end-to-end tests do."""

from tests.e2e.conftest import cvo

__all__ = ["cvo"]
