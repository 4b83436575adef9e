//! The cache alone, as docker-compose.yml has it for a laptop: its very words, on loopback.

use super::compose::MINIMAL;
use super::files::service;
use crate::support::Reply;
use crate::support::servers::{SWITCHYARD, Server, free_address};

#[test]
fn the_cache_alone_serves_and_keeps_what_it_has() {
    let service = service(MINIMAL);
    let admin = free_address().to_string();
    let mut server = Server::start(SWITCHYARD, |address, folder| {
        let words = service.command().into_iter();
        let here = words.map(|word| {
            word.replace("0.0.0.0:6379", &address.to_string())
                .replace("0.0.0.0:9121", &admin)
                .replace(
                    "/var/lib/switchyard",
                    &folder.join("data").display().to_string(),
                )
        });
        here.collect()
    });
    let mut client = server.connect();
    assert_eq!(client.call_words("SET key value"), Reply::ok());
    // Of a settings' flag that was misspelt nothing would be known.
    let policy = client.call_words("CONFIG GET maxmemory-policy");
    assert_eq!(policy.elements()[1], Reply::bulk("allkeys-s3fifo"));
    let memory = client.call_words("CONFIG GET maxmemory");
    let limit = service.bytes_at("mem_limit");
    let held: u64 = memory.elements()[1].text().parse().expect("a number");
    assert!(held * 2 <= limit, "{held} of {limit}");
    server.kill();
    server.restart();
    let mut client = server.connect();
    crate::support::eventually::eventually("its log is read", || {
        client.call_words("GET key") == Reply::bulk("value")
    });
}
