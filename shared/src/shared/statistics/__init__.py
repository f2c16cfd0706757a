"""Sequential statistics that services share. Pure."""
