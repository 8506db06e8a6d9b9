"""The networks that can be posted to, a module each; `network` says what they have in common."""
