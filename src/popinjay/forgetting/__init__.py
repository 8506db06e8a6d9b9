"""Take posts or authors out of everything that a persona's folder holds."""
