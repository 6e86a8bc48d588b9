"""The people of an organization: invited, moved between roles, let go."""
