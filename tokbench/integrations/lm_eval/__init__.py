"""Task files of lm-eval, and the functions that they name. lm-eval reads this folder; nothing here imports lm-eval."""
