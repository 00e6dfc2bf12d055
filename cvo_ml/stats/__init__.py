"""Pure statistics shared by all parts: arrays in, numbers out; no pandas, no files."""
