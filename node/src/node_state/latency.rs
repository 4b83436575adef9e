//! The latency monitor: the latest spikes of each kind of event (Redis' LATENCY pages).
//! Pure. Bounded: kinds are the node's own, and each keeps 160 seconds' worth of samples.

/// Samples kept of each kind of event, as Redis.
const HISTORY: usize = 160;

/// One spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spike {
    /// Unix seconds.
    pub at_seconds: u64,
    /// The longest of that second, milliseconds.
    pub duration_ms: u64,
}

/// The spikes of one kind of event.
#[derive(Clone, Debug)]
pub struct Event {
    /// As LATENCY shows it: `command`, `fast-command`, `expire-cycle`, …
    pub name: &'static str,
    /// The longest ever, milliseconds.
    pub longest_ms: u64,
    /// Oldest first.
    pub spikes: Vec<Spike>,
}

/// Spikes by kind of event.
#[derive(Debug, Default)]
pub struct Latency {
    events: Vec<Event>,
}

impl Latency {
    /// A spike of kind `name`. Within one second only the longest is kept.
    pub fn add(&mut self, name: &'static str, at_seconds: u64, duration_ms: u64) {
        let index = self
            .events
            .iter()
            .position(|event| event.name == name)
            .unwrap_or_else(|| {
                self.events.push(Event {
                    name,
                    longest_ms: 0,
                    spikes: Vec::new(),
                });
                self.events.len() - 1
            });
        let event = &mut self.events[index];
        event.longest_ms = event.longest_ms.max(duration_ms);
        if let Some(last) = event.spikes.last_mut()
            && last.at_seconds == at_seconds
        {
            last.duration_ms = last.duration_ms.max(duration_ms);
            return;
        }
        if event.spikes.len() == HISTORY {
            event.spikes.remove(0);
        }
        event.spikes.push(Spike {
            at_seconds,
            duration_ms,
        });
    }

    /// All kinds that had a spike.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events called `name`, in its very letters, as Redis.
    #[must_use]
    pub fn event(&self, name: &[u8]) -> Option<&Event> {
        self.events
            .iter()
            .find(|event| event.name.as_bytes() == name)
    }

    /// Forgets all kinds; returns how many there were.
    pub fn reset_all(&mut self) -> usize {
        let count = self.events.len();
        self.events.clear();
        count
    }

    /// Forgets one kind; `true` when there was something to forget.
    pub fn reset(&mut self, name: &[u8]) -> bool {
        let before = self.events.len();
        self.events.retain(|event| event.name.as_bytes() != name);
        self.events.len() != before
    }
}

#[cfg(test)]
mod tests {
    use super::{HISTORY, Latency, Spike};

    #[test]
    fn a_second_keeps_its_longest_spike_and_the_oldest_seconds_go() {
        let mut latency = Latency::default();
        latency.add("command", 1, 10);
        latency.add("command", 1, 30);
        latency.add("command", 1, 20);
        let event = latency.event(b"command").expect("there was a spike");
        let only = Spike {
            at_seconds: 1,
            duration_ms: 30,
        };
        assert_eq!(
            (event.longest_ms, event.spikes.as_slice()),
            (30, &[only][..])
        );
        for second in 2..400 {
            latency.add("command", second, 5);
        }
        let event = latency.event(b"command").expect("there were spikes");
        assert_eq!((event.longest_ms, event.spikes.len()), (30, HISTORY));
        assert!(latency.reset(b"command") && !latency.reset(b"command"));
    }
}
