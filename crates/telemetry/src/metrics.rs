//! Handles to the metrics of the catalogue, registered once a process.

use prometheus::core::Collector;
use prometheus::{Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::catalogue::{self, Metric, MetricKind};

/// The metrics of one process. Cheap to clone: handles share their values.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    counters: std::sync::Arc<Vec<(&'static str, IntCounterVec)>>,
    gauges: std::sync::Arc<Vec<(&'static str, GaugeVec)>>,
    histograms: std::sync::Arc<Vec<(&'static str, HistogramVec)>>,
}

/// Upper bounds of every histogram, in seconds: a millisecond to two minutes.
const BOUNDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Metrics {
    /// Registers the whole catalogue.
    #[must_use]
    pub fn new() -> Metrics {
        let registry = Registry::new();
        let (mut counters, mut gauges, mut histograms) = (Vec::new(), Vec::new(), Vec::new());
        for metric in catalogue::ALL {
            let opts = Opts::new(metric.name, metric.help);
            // The catalogue is constant and its test checks names and uniqueness: a failure here is a broken build.
            match metric.kind {
                MetricKind::Counter => {
                    let made = IntCounterVec::new(opts, metric.labels).expect("catalogue names are valid");
                    register(&registry, made.clone());
                    counters.push((metric.name, made));
                }
                MetricKind::Gauge => {
                    let made = GaugeVec::new(opts, metric.labels).expect("catalogue names are valid");
                    register(&registry, made.clone());
                    gauges.push((metric.name, made));
                }
                MetricKind::Histogram => {
                    let opts = HistogramOpts::from(opts).buckets(BOUNDS.to_vec());
                    let made = HistogramVec::new(opts, metric.labels).expect("catalogue names are valid");
                    register(&registry, made.clone());
                    histograms.push((metric.name, made));
                }
            }
        }
        let metrics =
            Metrics { registry, counters: counters.into(), gauges: gauges.into(), histograms: histograms.into() };
        metrics.set(&catalogue::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], 1.0);
        metrics
    }

    /// Adds to a counter. Call it per frame or batch, not per record.
    pub fn add(&self, metric: &Metric, labels: &[&str], by: u64) {
        if let Some((_, counter)) = self.counters.iter().find(|(name, _)| *name == metric.name) {
            counter.with_label_values(labels).inc_by(by);
        }
    }

    /// Sets a gauge.
    pub fn set(&self, metric: &Metric, labels: &[&str], value: f64) {
        if let Some((_, gauge)) = self.gauges.iter().find(|(name, _)| *name == metric.name) {
            gauge.with_label_values(labels).set(value);
        }
    }

    /// Observes a duration in seconds.
    pub fn observe(&self, metric: &Metric, labels: &[&str], seconds: f64) {
        if let Some((_, histogram)) = self.histograms.iter().find(|(name, _)| *name == metric.name) {
            histogram.with_label_values(labels).observe(seconds);
        }
    }

    /// The value of a counter with these labels (0 if it never counted).
    #[must_use]
    pub fn counter(&self, metric: &Metric, labels: &[&str]) -> u64 {
        self.counters
            .iter()
            .find(|(name, _)| *name == metric.name)
            .map_or(0, |(_, counter)| counter.with_label_values(labels).get())
    }

    /// Everything in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = Vec::new();
        // Writing to memory fails only for metrics without a name; the catalogue has none.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }
}

fn register(registry: &Registry, collector: impl Collector + 'static) {
    registry.register(Box::new(collector)).expect("catalogue names are unique");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered() {
        let metrics = Metrics::new();
        metrics.add(&catalogue::STEP_RECORDS, &["sessionize", "late"], 3);
        metrics.set(&catalogue::AUDIT_ROWS, &[], 0.0);
        metrics.observe(&catalogue::INSERT_SECONDS, &["sessions"], 0.2);
        let text = metrics.render();
        assert!(text.contains("crumbtrail_step_records_total{outcome=\"late\",processor=\"sessionize\"} 3"), "{text}");
        assert!(text.contains("crumbtrail_insert_duration_seconds_bucket{table=\"sessions\",le=\"0.25\"} 1"));
        assert_eq!(metrics.counter(&catalogue::STEP_RECORDS, &["sessionize", "late"]), 3);
    }
}
