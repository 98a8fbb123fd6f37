"""Do bytes survive a tokenizer, do engines agree, and are byte-level probabilities exact.

The tokenizer side is :mod:`tokbench.suites.exactness.suite`, that of models :mod:`tokbench.suites.exactness.bias_plan`.
"""
