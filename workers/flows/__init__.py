"""Flows: declared rules, read once from YAML and compiled to closures. Nothing here talks to anybody."""
