"""Estimators, one folder per job: they learn from arrays and tables in memory and do no input or output."""
