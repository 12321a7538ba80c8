//! Helpers for tests of the whole server.
