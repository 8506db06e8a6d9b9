"""Decoding: engines that say which token comes next."""
