"""What people see of a result on the terminal: one module a family of results."""
