"""The churn job."""
