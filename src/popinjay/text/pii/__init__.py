"""Personal data by its shape: one module for each kind, all over text that was folded by `folding`.

Every finder takes time proportional to the text, whatever the text: patterns are bounded or
possessive, and begin only where nothing of their own kind goes before.
"""
