"""The suites inside other harnesses: tasks for inspect_ai and lm-eval, and their logs as run records.

Nothing here is imported by the rest of the package, and no module of it imports a harness before it is used.
"""
