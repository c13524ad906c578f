"""What happens on an event."""
