"""Clients of forges (GitHub, GitLab, plain git remotes), and the file that names repositories."""
