"""Evidence of a training: windows, slices, the leak gate, golden rows, what a job hands over."""
