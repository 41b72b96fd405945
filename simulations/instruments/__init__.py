"""What a cell is measured with: a simulation, or probes that reach where none can."""
