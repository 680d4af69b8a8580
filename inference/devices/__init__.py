"""Where a model runs: a mesh of devices, several hosts, and what is compiled for them."""
