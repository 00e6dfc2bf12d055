"""What leaves the house: lists for other systems."""
