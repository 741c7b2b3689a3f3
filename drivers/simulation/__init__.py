"""What the simulated devices share: hardware descriptions, simulated time and energy, faults on demand."""
