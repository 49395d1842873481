//! Progress split into weighted parts. The sum is taken when it is read, so that parts never overwrite each other's.

use std::sync::{Arc, OnceLock};

use crate::base::sync::{AtomicU64, Ordering};

/// A weighted share of a progress, which may be split in turn.
#[derive(Debug)]
pub(crate) struct Part {
    weight: f64,
    value: AtomicU64,
    total: AtomicU64,
    parts: OnceLock<Box<[Arc<Part>]>>,
}

impl Part {
    pub(crate) fn new(weight: f64) -> Part {
        Part {
            weight: if weight.is_finite() { weight.max(0.0) } else { 0.0 },
            value: AtomicU64::new(0f64.to_bits()),
            total: AtomicU64::new(f64::NAN.to_bits()),
            parts: OnceLock::new(),
        }
    }

    /// Splits this part, unless it is split already; returns the parts that it has.
    pub(crate) fn split(&self, weights: impl Iterator<Item = f64>) -> &[Arc<Part>] {
        self.parts.get_or_init(|| weights.map(|weight| Arc::new(Part::new(weight))).collect())
    }

    pub(crate) fn set(&self, value: f64) {
        self.value.store(value.to_bits(), Ordering::Relaxed);
    }

    pub(crate) fn add(&self, by: f64) {
        let added = |bits| Some((f64::from_bits(bits) + by).to_bits());
        let _ = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added);
    }

    pub(crate) fn set_total(&self, total: f64) {
        self.total.store(total.to_bits(), Ordering::Relaxed);
    }

    /// The weights of the parts and how much of them is done.
    pub(crate) fn sums(&self) -> (f64, f64) {
        let parts = self.parts.get().map_or(&[][..], |parts| parts);
        parts.iter().fold((0.0, 0.0), |(done, all), part| {
            (done + part.weight * part.fraction(), all + part.weight)
        })
    }

    /// From 0 to 1. A part without a total counts its value as the share itself.
    fn fraction(&self) -> f64 {
        if self.parts.get().is_some() {
            let (done, all) = self.sums();
            return if all > 0.0 { done / all } else { 0.0 };
        }
        let value = f64::from_bits(self.value.load(Ordering::Relaxed));
        let total = f64::from_bits(self.total.load(Ordering::Relaxed));
        let fraction = if total > 0.0 { value / total } else { value };
        if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) }
    }
}
