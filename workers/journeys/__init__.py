"""The journey worker: event topics into the customer store, behind the fence of the partition row."""
