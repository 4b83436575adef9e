//! Settings of pure parts: each has a range, and all that is wrong is said together.
//! Pure. Never: reads a configuration; whoever does asks here before anything starts.

/// A setting that is not within its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The setting's name.
    pub setting: &'static str,
    /// What it is.
    pub value: u64,
    /// The least that it may be.
    pub least: u64,
    /// The most that it may be.
    pub most: u64,
}

/// Those of these that are not within their ranges: name, value, least, most.
pub(crate) fn out_of_range(settings: &[(&'static str, u64, u64, u64)]) -> Vec<OutOfRange> {
    let problem = |(setting, value, least, most): &(&'static str, u64, u64, u64)| OutOfRange {
        setting,
        value: *value,
        least: *least,
        most: *most,
    };
    let is_out = |(_, value, least, most): &&(&'static str, u64, u64, u64)| {
        !(*least <= *value && *value <= *most)
    };
    settings.iter().filter(is_out).map(problem).collect()
}
