//! What has been recorded and approved: PyTorch's numbers in `references/`, and representative emitted files in `tests/`.
