"""Pollers: what a source does not send by itself is asked for; cursor and events in one transaction."""
