"""The report: one HTML file that opens anywhere, with its charts inside; and every other word for people."""
