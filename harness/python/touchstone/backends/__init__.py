"""What computes a case's outputs."""
