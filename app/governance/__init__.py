"""What people decide while it runs: policies, kill switches, shadow reports."""
