"""What all sources on the network share: HTTP, addresses, mirrored posts."""
