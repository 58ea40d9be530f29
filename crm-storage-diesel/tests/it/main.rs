//! Tests of the storage as a host sees it, in one binary.

mod sql_text;
