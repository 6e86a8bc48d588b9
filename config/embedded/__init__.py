"""PostgreSQL and Redis from wheels, and the processes of `make run`; knows nothing of Django."""
