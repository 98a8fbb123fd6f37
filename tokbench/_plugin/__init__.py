"""Parts of the pytest plugin: see :mod:`tokbench.pytest_plugin`, which puts them together."""
