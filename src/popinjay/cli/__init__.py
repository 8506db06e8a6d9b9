"""The command line and everything that people see in a terminal."""
