"""What people run: the command line, importers, the demo; on top of everything else."""
