"""Read models of policy."""
