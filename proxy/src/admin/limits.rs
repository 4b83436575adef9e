//! What the proxy may take and what it takes as a process: bounds, memory, files, processor time, its age, and when its certificate ends.
//! Reads `/proc`, and the certificate with which etcd is asked. Never: asks a thread.

use pages::{Samples, Value};
use shared::resp::REDIS_VERSION;

use super::report::report_of;
use super::threads::Word;
use crate::facts::ProxyShared;
use crate::tls::{TlsFront, ends_of};

/// All of it.
pub(super) fn samples(proxy: &ProxyShared, words: &[Word]) -> Samples {
    let mut samples = Samples::default();
    process(proxy, &mut samples);
    bounds(proxy, words, &mut samples);
    for (number, word) in words.iter().enumerate() {
        let worked_ns = report_of(word).map_or(0, |report| report.worked_ns);
        samples.counter_of(
            "switchyard_proxy_thread_cpu_seconds_total",
            "Processor time of each thread that serves clients; one that is busy all the time takes a second in each.",
            vec![("thread", number.to_string())],
            Value::Nanoseconds(worked_ns),
        );
    }
    certificates(proxy, &mut samples);
    samples
}

/// By the setting for which each is shown.
fn certificates(proxy: &ProxyShared, samples: &mut Samples) {
    let own = proxy.tls.as_ref().map(TlsFront::ends);
    let own = own.map(|(file, ends)| ("tls-listen", file, ends));
    let config = &proxy.config;
    let files = (&config.topology_cert_file, &config.topology_key_file);
    let for_etcd = match files {
        (Some(file), Some(key)) => ends_of(file, key).map(|ends| ("topology", &**file, ends)),
        _ => None,
    };
    for (listener, file, ends) in own.into_iter().chain(for_etcd) {
        samples.gauge_of(
            "switchyard_proxy_certificate_expiry_timestamp_seconds",
            "When the first certificate ends of a chain that others are shown: clients at tls-listen, etcd as whom the topology is read; Unix seconds.",
            vec![
                ("listener", listener.to_owned()),
                ("file", file.display().to_string()),
            ],
            u64::try_from(ends).unwrap_or_default(),
        );
    }
}

fn process(proxy: &ProxyShared, samples: &mut Samples) {
    let age_ms = proxy.clock.wall_ms().saturating_sub(proxy.started_ms);
    samples.gauge_of(
        "switchyard_proxy_build_info",
        "1, with the version of this program and that of Redis as which it shows itself.",
        vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("redis_version", REDIS_VERSION.to_owned()),
        ],
        1_u64,
    );
    samples.gauge(
        "switchyard_proxy_start_time_seconds",
        "When the proxy was started, Unix seconds.",
        Value::Milliseconds(proxy.started_ms),
    );
    samples.gauge(
        "switchyard_proxy_uptime_seconds",
        "How long ago that was.",
        Value::Milliseconds(age_ms),
    );
    samples.gauge(
        "switchyard_proxy_memory_resident_bytes",
        "Resident memory of the process; with switchyard up that of all nodes, too.",
        pages::resident_bytes(),
    );
    samples.gauge(
        "switchyard_proxy_open_files",
        "Files that the process has open, sockets among them.",
        pages::open_files(),
    );
    samples.gauge(
        "switchyard_proxy_open_files_limit",
        "Files that the process may have open.",
        pages::most_open_files(),
    );
}

fn bounds(proxy: &ProxyShared, words: &[Word], samples: &mut Samples) {
    let config = &proxy.config;
    samples.gauge(
        "switchyard_proxy_clients_limit",
        "Clients that may be connected (maxclients).",
        u64::from(config.maxclients),
    );
    samples.gauge(
        "switchyard_proxy_client_bytes_limit",
        "What switchyard_proxy_client_bytes may come to (clients-buffer-limit).",
        config.clients_buffer_limit.0,
    );
    samples.gauge(
        "switchyard_proxy_leases_limit",
        "What switchyard_proxy_leases may come to, of all threads together (leases).",
        u64::from(config.leases) * words.len() as u64,
    );
}
