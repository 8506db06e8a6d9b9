"""The command line, and everything that is shown in a terminal."""
