"""The schemas in which sites and tools write posts as JSON, one module each; `known` asks them."""
