"""Makes the documentation: pages from programs that are run, quoted sources, and the reference of public names."""
