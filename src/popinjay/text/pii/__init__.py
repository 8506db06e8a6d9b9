"""Patterns of personal data: one module per sort, all for text that was folded by `folding`.

Every finder takes linear time on any text: patterns are bounded or possessive, and don't match
directly after a character that they could contain.
"""
