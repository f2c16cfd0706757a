"""Adapters for packages that an app uses. Each module imports its package when it is used, if at all."""
