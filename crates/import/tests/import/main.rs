//! Files in, commands out: every format, good files and bad ones.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod domain;
mod dry_run;
mod formats;
mod hand;
mod hostile;
mod hostile_parquet;
mod mapping;
mod parquet;
mod rejects;
mod samples;
