//! Helpers for privileged tests: guards, observers, bounded waiting.
