//! Cases of the scheduler, and its guarantees under thousands of random schedules.

mod cases;
mod simulation;
mod steps;
mod throttling;
