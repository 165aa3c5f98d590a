//! How long requests took, and how many of them waited.

use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies of requests, to three digits.
#[derive(Debug, Clone)]
pub struct Latencies {
    nanoseconds: Histogram<u64>,
    /// Requests that were not answered at once, though the inner service does so: they waited for a token.
    pub waited: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            nanoseconds: Histogram::new(3).unwrap(),
            waited: 0,
        }
    }
}

impl Latencies {
    pub fn record(&mut self, took: Duration, waited: bool) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap();
        self.nanoseconds.record(nanoseconds).unwrap();
        self.waited += u64::from(waited);
    }

    pub fn add(&mut self, others: &Self) {
        self.nanoseconds.add(&others.nanoseconds).unwrap();
        self.waited += others.waited;
    }

    /// In microseconds.
    #[must_use]
    pub fn at_quantile(&self, quantile: f64) -> f64 {
        self.nanoseconds.value_at_quantile(quantile) as f64 / 1e3
    }

    /// In microseconds.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.nanoseconds.max() as f64 / 1e3
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for quantile in [0.5, 0.99, 0.999] {
            write!(f, "{:>11.1}", self.at_quantile(quantile))?;
        }
        write!(f, "{:>13.1}{:>8}", self.max(), self.waited)
    }
}
