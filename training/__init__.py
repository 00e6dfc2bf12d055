"""The jobs that fit. Not part of the wheel: they run from a checkout."""
