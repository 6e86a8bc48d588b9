"""Pure rules of running the house: no Django, no clock, no database."""
