//! Honest and hostile guests for the tests.
