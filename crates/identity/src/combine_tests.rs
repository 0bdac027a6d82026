//! Tests of combining.
