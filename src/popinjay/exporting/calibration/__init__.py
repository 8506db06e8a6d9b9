"""Weights that lose less in few bits, by what the persona's own training posts make of them.

The posts are read only during an export. What is written are weights, and no text.
"""
