//! Metrics as Prometheus reads them: families with their help, series with their labels, histograms whose buckets were counted elsewhere.
//! Pure. Invariants: all series of a family stand together, and below one help; what a label says cannot break out of its quotes.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// Nanoseconds of a second.
const SECOND_NS: u64 = 1_000_000_000;

/// What a family's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It grows, and begins anew when the process does.
    Counter,
    /// It is what it is now.
    Gauge,
    /// Durations by bounds.
    Histogram,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Series of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// With its unit last, and behind that `_total` of a counter.
    pub name: &'static str,
    /// What its numbers are.
    pub kind: Kind,
    /// What it says, for people who see it for the first time.
    pub help: &'static str,
}

/// A number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// As it is.
    Whole(u64),
    /// Seconds, given as milliseconds.
    Milliseconds(u64),
    /// Seconds, given as nanoseconds.
    Nanoseconds(u64),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Whole(number as u64)
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Whole(u64::from(is))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => write!(out, "{number}"),
            Self::Milliseconds(ms) => write!(out, "{}.{:03}", ms / 1_000, ms % 1_000),
            Self::Nanoseconds(ns) => write!(out, "{}.{:09}", ns / SECOND_NS, ns % SECOND_NS),
        }
    }
}

/// Labels of a series, names and values.
type Labels = Vec<(&'static str, String)>;

/// Single numbers in any order, put on a page together.
#[derive(Clone, Debug, Default)]
pub struct Samples(BTreeMap<&'static str, (Family, Vec<Sample>)>);

/// One of a family.
type Sample = (Labels, Value);

impl Samples {
    /// What grows.
    pub fn counter(&mut self, name: &'static str, help: &'static str, value: impl Into<Value>) {
        self.counter_of(name, help, Vec::new(), value);
    }

    /// What is so now.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, value: impl Into<Value>) {
        self.gauge_of(name, help, Vec::new(), value);
    }

    /// One of several that grow.
    pub fn counter_of(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Vec<(&'static str, String)>,
        value: impl Into<Value>,
    ) {
        let kind = Kind::Counter;
        self.put(Family { name, kind, help }, labels, value.into());
    }

    /// One of several that are so now.
    pub fn gauge_of(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: Vec<(&'static str, String)>,
        value: impl Into<Value>,
    ) {
        let kind = Kind::Gauge;
        self.put(Family { name, kind, help }, labels, value.into());
    }

    fn put(&mut self, family: Family, labels: Labels, value: Value) {
        let series = self.0.entry(family.name);
        let (known, values) = series.or_insert_with(|| (family, Vec::new()));
        assert_eq!(*known, family, "one name, one family");
        values.push((labels, value));
    }
}

/// A page of metrics.
#[derive(Clone, Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// Behind what somebody else has written, whole lines.
    #[must_use]
    pub fn behind(text: String) -> Self {
        Self { text }
    }

    /// Single numbers.
    pub fn put(&mut self, samples: &Samples) {
        for (family, series) in samples.0.values() {
            self.head(family);
            for (labels, value) in series {
                let labels = braced(&written(labels));
                self.line(format_args!("{}{labels} {value}", family.name));
            }
        }
    }

    /// Begins a family of histograms, whose series follow.
    pub fn histograms(&mut self, name: &'static str, help: &'static str) {
        let kind = Kind::Histogram;
        self.head(&Family { name, kind, help });
    }

    /// A series of the family that was begun last: for each bound, in nanoseconds, how many durations did not exceed it; how many there were; all of them
    /// together. Every series of a family has the same bounds: sums over series, bucket by bucket, are wrong where some have fewer.
    pub fn histogram(
        &mut self,
        name: &'static str,
        labels: &[(&'static str, &str)],
        buckets: impl Iterator<Item = (u64, u64)>,
        count: u64,
        sum_ns: u64,
    ) {
        let labels = written(labels);
        let comma = if labels.is_empty() { "" } else { "," };
        for (bound_ns, up_to) in buckets {
            let bound = Value::Nanoseconds(bound_ns);
            self.line(format_args!(
                "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {up_to}"
            ));
        }
        self.line(format_args!(
            "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}"
        ));
        let labels = braced(&labels);
        let sum = Value::Nanoseconds(sum_ns);
        self.line(format_args!("{name}_sum{labels} {sum}"));
        self.line(format_args!("{name}_count{labels} {count}"));
    }

    /// All of it.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }

    fn head(&mut self, family: &Family) {
        let Family { name, kind, help } = family;
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {}", kind.word()));
    }

    #[expect(
        clippy::let_underscore_must_use,
        reason = "writing to memory cannot fail"
    )]
    fn line(&mut self, line: fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{line}");
    }
}

fn braced(labels: &str) -> String {
    match labels {
        "" => String::new(),
        labels => format!("{{{labels}}}"),
    }
}

fn written<T: AsRef<str>>(labels: &[(&'static str, T)]) -> String {
    let written = labels.iter().map(|(name, value)| {
        let value = value.as_ref();
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{name}=\"{}\"", value.replace('\n', "\\n"))
    });
    written.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{Page, Samples, Value};

    #[test]
    fn series_of_a_family_stand_together_below_its_help() {
        let mut samples = Samples::default();
        let shard = |name: &str| vec![("shard", name.to_owned())];
        samples.gauge_of("x_b_bytes", "Bytes.", shard("s1"), 7_u64);
        samples.counter("x_a_seconds_total", "Time.", Value::Milliseconds(1_002));
        samples.gauge_of("x_b_bytes", "Bytes.", shard("s\"2\\\n"), 8_usize);
        samples.gauge("x_c", "Whether.", true);
        let mut page = Page::behind("# first\n".to_owned());
        page.put(&samples);
        let expected = "# first\n\
            # HELP x_a_seconds_total Time.\n# TYPE x_a_seconds_total counter\nx_a_seconds_total 1.002\n\
            # HELP x_b_bytes Bytes.\n# TYPE x_b_bytes gauge\nx_b_bytes{shard=\"s1\"} 7\nx_b_bytes{shard=\"s\\\"2\\\\\\n\"} 8\n\
            # HELP x_c Whether.\n# TYPE x_c gauge\nx_c 1\n";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn a_histogram_has_its_bounds_in_seconds_and_all_in_the_last() {
        let mut page = Page::default();
        page.histograms("x_seconds", "Time.");
        let buckets = || [(1_024, 0), (1_500_000_000, 3)].into_iter();
        page.histogram("x_seconds", &[("of", "a")], buckets(), 4, 5_000_000_001);
        page.histogram("x_seconds", &[], buckets(), 4, 1);
        let expected = "# HELP x_seconds Time.\n# TYPE x_seconds histogram\n\
            x_seconds_bucket{of=\"a\",le=\"0.000001024\"} 0\nx_seconds_bucket{of=\"a\",le=\"1.500000000\"} 3\nx_seconds_bucket{of=\"a\",le=\"+Inf\"} 4\n\
            x_seconds_sum{of=\"a\"} 5.000000001\nx_seconds_count{of=\"a\"} 4\n\
            x_seconds_bucket{le=\"0.000001024\"} 0\nx_seconds_bucket{le=\"1.500000000\"} 3\nx_seconds_bucket{le=\"+Inf\"} 4\n\
            x_seconds_sum 0.000000001\nx_seconds_count 4\n";
        assert_eq!(page.into_text(), expected);
    }
}
