"""Files of posts in any encoding, container and format."""
