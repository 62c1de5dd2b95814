"""What the whole-program tests share: containers, root file systems, terminals, looks into /proc and at leftovers."""
