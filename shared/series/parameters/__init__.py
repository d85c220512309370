"""The parameters of each family of models, with limits and defaults."""
