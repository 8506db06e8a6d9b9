"""A persona as a folder of static files: a page that writes posts in the reader's own browser."""
