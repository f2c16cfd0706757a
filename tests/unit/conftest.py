"""Settings for all unit tests."""

from hypothesis import HealthCheck, settings

# A busy machine makes no property false: time is the business of pytest-timeout and of the benchmarks.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
