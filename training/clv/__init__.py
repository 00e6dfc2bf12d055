"""The CLV job."""
