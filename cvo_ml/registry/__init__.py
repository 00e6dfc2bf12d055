"""Model bundles, and MLflow behind one door (nothing else imports it)."""
