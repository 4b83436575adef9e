//! Connections over real sockets, with the shell within reach: what other tasks do to a client's outbox.

use super::{Connection, limits};
use crate::client::{Identity, Offset, Session};
use crate::node_state::{ClientKey, NodeState};
use crate::settings::Start;
use crate::shell::Shell;
use crate::store::Store;
use shared::clock::Clock;
use shared::config::NodeConfig;
use std::rc::Rc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local, yield_now};

/// A node that serves one client: its shell, the client's key there, and the client's end of the socket.
async fn one_client() -> (Rc<Shell>, ClientKey, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let end = TcpStream::connect(address).await.expect("connected");
    let (stream, _) = listener.accept().await.expect("accepted");
    let start = Start::from(NodeConfig::default());
    let (store, node) = (Store::new(16, 7), NodeState::default());
    let shell = Rc::new(Shell::new(start, store, node, Clock::system()));
    let key = {
        let clients = &mut shell.core.borrow_mut().node.clients;
        let id = clients.next_id();
        clients.enter(Identity::new(id, 0), Session::default())
    };
    let limits = limits(&shell.core.borrow().node.settings.hot, true);
    let connection = Connection::new(Rc::clone(&shell), stream, key, limits);
    let task = spawn_local(connection.serve());
    shell.register(key.id(), task.abort_handle());
    (shell, key, end)
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    LocalSet::new().block_on(&runtime.expect("a runtime"), test);
}

async fn expect(end: &mut TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    end.read_exact(&mut bytes).await.expect("replies");
    assert_eq!(String::from_utf8_lossy(&bytes), expected);
}

#[test]
fn a_reply_waits_for_the_log_with_all_behind_it_and_the_client_is_woken() {
    run(async {
        let (shell, key, mut end) = one_client().await;
        end.write_all(b"PING\r\n").await.expect("sent");
        expect(&mut end, "+PONG\r\n").await;
        let clients =
            || std::cell::RefMut::map(shell.core.borrow_mut(), |core| &mut core.node.clients);
        clients().hold_until(key, Offset(10));
        end.write_all(b"SET a 1\r\nGET a\r\n").await.expect("sent");
        while clients().at(key).outbox.len() < "+OK\r\n$1\r\n1\r\n".len() {
            yield_now().await;
        }
        assert!(clients().push(key, b"+message\r\n", 1_000));
        clients().reached(Offset(9));
        end.write_all(b"ECHO b\r\n").await.expect("sent");
        while clients().at(key).outbox.len() <= "+OK\r\n$1\r\n1\r\n+message\r\n".len() {
            yield_now().await;
        }
        assert!(clients().at(key).outbox.ready().is_empty());
        clients().reached(Offset(10));
        expect(&mut end, "+OK\r\n$1\r\n1\r\n+message\r\n$1\r\nb\r\n").await;
    });
}

#[test]
fn a_message_reaches_a_silent_client_between_replies_and_one_that_takes_none_is_cut() {
    run(async {
        let (shell, key, mut end) = one_client().await;
        end.write_all(b"ECHO before\r\n").await.expect("sent");
        expect(&mut end, "$6\r\nbefore\r\n").await;
        let push = |message: &[u8]| {
            let clients = &mut shell.core.borrow_mut().node.clients;
            (
                clients.push(key, message, 20_000_000),
                clients.take_condemned(),
            )
        };
        assert_eq!(push(b"+message\r\n"), (true, Vec::new()));
        expect(&mut end, "+message\r\n").await;
        end.write_all(b"ECHO after\r\n").await.expect("sent");
        expect(&mut end, "$5\r\nafter\r\n").await;
        // Nothing of these is read.
        let large = vec![b'x'; 1_000_000];
        let condemned = loop {
            let (is_there, condemned) = push(&large);
            assert!(is_there);
            if !condemned.is_empty() {
                break condemned;
            }
            yield_now().await;
        };
        assert_eq!(condemned, [key.id()]);
        shell.cut(&condemned);
        while shell.core.borrow_mut().node.clients.get_mut(key).is_some() {
            yield_now().await;
        }
        assert_eq!(push(b"+nobody\r\n"), (false, Vec::new()));
    });
}

/// What comes while replies wait is run when they have gone, although nothing comes after it; so is the last of a client that says no more.
#[test]
fn what_was_taken_in_while_replies_waited_is_run() {
    for hangs_up in [false, true] {
        run(async move {
            let (shell, key, mut end) = one_client().await;
            let core = || shell.core.borrow_mut();
            let settings = "normal 0 100 0";
            core()
                .node
                .settings
                .preset("client-output-buffer-limit", settings);
            core().node.clients.hold_until(key, Offset(10));
            let long = format!("${}\r\n{}\r\n", 200, "x".repeat(200));
            let request = format!("*2\r\n$4\r\nECHO\r\n{long}");
            end.write_all(request.as_bytes()).await.expect("sent");
            while core().node.clients.at(key).outbox.is_empty() {
                yield_now().await;
            }
            end.write_all(b"ECHO a\r\nECHO b\r\n").await.expect("sent");
            while core().node.clients.at(key).traffic.input_bytes < 16 {
                yield_now().await;
            }
            if hangs_up {
                end.shutdown().await.expect("said");
            }
            core().node.clients.reached(Offset(10));
            expect(&mut end, &format!("{long}$1\r\na\r\n$1\r\nb\r\n")).await;
        });
    }
}
