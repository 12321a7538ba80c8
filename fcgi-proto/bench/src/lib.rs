//! What the benchmarks share: inputs made by hand, and the same work done with each crate.
//!
//! A work begins with bytes that lie in memory as if they were a socket's, and ends with bytes that were
//! copied out as if to one. In between the parameters are walked, bodies read to their end, and the answer
//! is written as a whole. [`check`] proves that the crates come to the same results before anything is
//! timed.

pub mod check;
pub mod client;
pub mod inputs;
pub mod server;
pub mod socket;

use std::time::Duration;

use criterion::Criterion;

/// Long enough for figures that repeat within a few percent, short enough for a coffee.
pub fn criterion() -> Criterion {
    Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200))
        .sample_size(30)
        .configure_from_args()
}
