//! Clients made for Redis Sentinel find their primary: the proxy, where they ask for it.

use crate::support::Reply;
use crate::support::servers::Cluster;

#[test]
fn a_client_of_sentinel_is_led_to_the_proxy_itself() {
    let cluster = Cluster::start_with(2, &[], &["--sentinel-name", "cache"]);
    let mut client = cluster.connect();
    let address = cluster.proxy.address;
    let place = Reply::Array(vec![
        Reply::bulk(address.ip().to_string()),
        Reply::bulk(address.port().to_string()),
    ]);
    assert_eq!(
        client.call_words("SENTINEL get-master-addr-by-name cache"),
        place
    );
    let unknown = client.call_words("SENTINEL get-master-addr-by-name mymaster");
    assert!(unknown.is_null(), "{unknown:?}");
    let primaries = client.call_words("SENTINEL MASTERS");
    let fields: Vec<String> = primaries.elements()[0]
        .elements()
        .iter()
        .map(Reply::text)
        .collect();
    assert_eq!(&fields[..2], ["name", "cache"]);
    assert_eq!(
        client.call_words("SENTINEL sentinels cache"),
        Reply::Array(vec![])
    );
    assert_eq!(
        client.call_words("SENTINEL replicas cache"),
        Reply::Array(vec![])
    );
    let error = client.call_words("SENTINEL replicas zork").text();
    assert_eq!(error, "ERR No such master with that name");
    let error = client.call_words("SENTINEL failover cache").text();
    assert!(error.starts_with("ERR unknown subcommand"), "{error}");
    // What it then asks the primary.
    assert_eq!(client.call_words("ROLE").elements()[0].text(), "master");
    let mut node = cluster.nodes[0].connect();
    assert!(
        node.call_words("SENTINEL MASTERS")
            .text()
            .starts_with("ERR unknown command")
    );
}
