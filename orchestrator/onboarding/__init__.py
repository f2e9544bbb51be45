"""HOW A PROJECT IS CONNECTED: `onboard` and `offboard`, written over `onboarding_ports`."""
