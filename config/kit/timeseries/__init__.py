"""Time series on two engines, TimescaleDB or native partitions, behind the same names."""
