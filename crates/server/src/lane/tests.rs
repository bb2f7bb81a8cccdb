//! Cases of the scheduler, and its guarantees under thousands of random schedules.

mod breaking;
mod cases;
mod resting;
mod simulation;
mod steps;
mod throttling;
