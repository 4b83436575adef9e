//! The only door through which time enters: wall clock, monotonic clock, and a manual one for tests.
