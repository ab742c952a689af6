"""Consent: decided from what systems report, asked before anybody is contacted. Pure, but for `api`."""
