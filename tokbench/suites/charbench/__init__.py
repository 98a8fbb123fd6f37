"""The suite ``charbench``: can a model see the characters inside its tokens (after arXiv 2508.02591)."""
