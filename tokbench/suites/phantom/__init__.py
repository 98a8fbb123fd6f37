"""The suite ``phantom``: equal text under other token ids, taken for an edit (after arXiv 2601.14658)."""
