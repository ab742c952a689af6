"""What a vendor's sink and its pollers share: accounts, tokens, answers. Knows neither path."""
