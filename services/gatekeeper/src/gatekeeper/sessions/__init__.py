"""People, their roles, sign-in links and sessions."""
