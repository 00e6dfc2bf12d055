"""The rules: where levels end, which group a cell belongs to, who is in it."""
