"""What a person sees in the terminal: segmentations, verdicts, tables and progress, drawn with rich."""
