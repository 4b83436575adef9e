use super::*;
use crate::server::testing::shell_with;
use shared::config::{NodeConfig, Secret};
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

/// A proxy that says these lines, one to each command, and what it was told; then it closes.
async fn proxy(listener: &TcpListener, lines: &[&str]) -> Vec<String> {
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut told = Vec::new();
    for line in lines {
        let mut bytes = vec![0; 1024];
        let length = stream.read(&mut bytes).await.expect("a command");
        let command = String::from_utf8_lossy(&bytes[..length]);
        let words: Vec<&str> = command.split("\r\n").skip(2).step_by(2).collect();
        told.push(words.join(" "));
        stream.write_all(line.as_bytes()).await.expect("an answer");
    }
    told
}

async fn joined<T>(config: NodeConfig, proxy: impl Future<Output = T>) -> T {
    let shell = Rc::new(shell_with(config));
    let local = LocalSet::new();
    let proxy = async {
        let task = tokio::task::spawn_local(run(shell));
        let patience = Duration::from_secs(30);
        let done = timeout(patience, proxy).await.expect("the node says it");
        task.abort();
        done
    };
    local.run_until(proxy).await
}

async fn listener() -> (TcpListener, Address) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a socket");
    let address = listener.local_addr().expect("an address").into();
    (listener, address)
}

#[tokio::test]
async fn a_node_says_its_name_again_and_again_and_comes_back_after_a_failure() {
    let (listener, join) = listener().await;
    let config = NodeConfig {
        join: Some(join),
        join_password: Secret::new("front"),
        name: Some("n7".parse().expect("a name")),
        zone: Some("z1".parse().expect("a name")),
        requirepass: Secret::new("back"),
        ..NodeConfig::default()
    };
    let announced = "NODE ANNOUNCE n7 127.0.0.1 1 z1 back";
    joined(config, async {
        let told = proxy(&listener, &["+OK\r\n", "+OK spare\r\n", "+OK listed\r\n"]).await;
        assert_eq!(told, ["AUTH front", announced, announced]);
        // Lines that never end, nonsense, refusals: it begins anew.
        let endless = "x".repeat(2 * MOST_LINE_BYTES);
        for wrong in [endless.as_str(), "$1\r\n", "-WRONGPASS no\r\n", ""] {
            proxy(&listener, &[wrong]).await;
        }
        let told = proxy(&listener, &["+OK\r\n", "+OK spare\r\n"]).await;
        assert_eq!(told.last().map(String::as_str), Some(announced));
    })
    .await;
}

#[tokio::test]
async fn a_node_keeps_the_name_that_it_has_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    let (listener, join) = listener().await;
    let config = NodeConfig {
        join: Some(join),
        data_dir: Some(folder.path().to_path_buf()),
        ..NodeConfig::default()
    };
    let mut names = Vec::new();
    for _ in 0..2 {
        let told = joined(config.clone(), proxy(&listener, &["+OK spare\r\n"])).await;
        names.push(told[0].split(' ').nth(2).map(str::to_owned));
    }
    let drawn = names[0].clone().expect("a name");
    assert!(drawn.len() == 10 && drawn.starts_with("n-"), "{drawn}");
    assert_eq!(names[1].as_ref(), Some(&drawn));
    let named = NodeConfig {
        name: Some("n7".parse().expect("a name")),
        ..config
    };
    let told = joined(named, proxy(&listener, &["+OK spare\r\n"])).await;
    assert!(told[0].starts_with("NODE ANNOUNCE n7 "), "{told:?}");
}
