"""The page and the API under it: `popinjay serve`."""
