"""What every worker stands on: events, codec, settings, errors, clock, Kafka clients."""
