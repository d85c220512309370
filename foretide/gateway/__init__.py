"""The API gateway: one port, every service behind it."""
