"""The models: one file each, one line in the registry. No web, no bus, no database."""
