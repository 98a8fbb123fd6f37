"""The four suites: items, gold, grading, features and metrics."""
