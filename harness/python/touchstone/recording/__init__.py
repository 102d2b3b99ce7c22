"""The recorder: PyTorch's numbers for a case, or the reason why they would prove nothing."""
