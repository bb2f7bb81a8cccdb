//! The project's own tasks: test, lint and bench.
fn main() {}
