//! Connections over real sockets, with the shell within reach: what other tasks do to a client's outbox.

use super::{Connection, limits};
use crate::client::{Identity, Offset, Session};
use crate::departures;
use crate::node_state::{ClientKey, Delivery, Letter, NodeState};
use crate::settings::Start;
use crate::shell::Shell;
use crate::socket::Socket;
use crate::store::Store;
use shared::access::{Login, Users};
use shared::clock::Clock;
use shared::command::CommandId;
use shared::config::NodeConfig;
use shared::config::Secret;
use shared::resp::Protocol;
use shared::session::PauseKind;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local, yield_now};

/// What somebody else sends.
const MESSAGE: &str = "*1\r\n$7\r\nmessage\r\n";

/// A node that serves one client: its shell, the client's key there, and the client's end of the socket.
async fn one_client() -> (Rc<Shell>, ClientKey, TcpStream) {
    one_client_with(Session::default()).await
}

async fn one_client_with(session: Session) -> (Rc<Shell>, ClientKey, TcpStream) {
    let is_known = session.login.is_authenticated();
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
        clients.enter(Identity::new(id, 0), session)
    };
    let limits = limits(&shell.core.borrow().node.settings.hot, is_known);
    let connection = Connection::new(Rc::clone(&shell), Rc::new(Socket::new(stream)), key, limits);
    let task = spawn_local(connection.serve());
    shell.register(key.id(), task.abort_handle());
    spawn_local(departures::close_all(Rc::clone(&shell.departures)));
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
        let mut letter = Letter::new(&[b"message"]);
        let delivered = clients().deliver(key, &mut letter, Protocol::Resp2, 1_000);
        assert_eq!(delivered, Delivery::Done(MESSAGE.len()));
        clients().reached(Offset(9));
        end.write_all(b"ECHO b\r\n").await.expect("sent");
        while clients().at(key).outbox.len() <= "+OK\r\n$1\r\n1\r\n".len() + MESSAGE.len() {
            yield_now().await;
        }
        assert!(clients().at(key).outbox.ready().is_empty());
        clients().reached(Offset(10));
        expect(&mut end, &format!("+OK\r\n$1\r\n1\r\n{MESSAGE}$1\r\nb\r\n")).await;
    });
}

#[test]
fn a_message_reaches_a_silent_client_between_replies_and_one_that_takes_none_is_cut() {
    run(async {
        let (shell, key, mut end) = one_client().await;
        end.write_all(b"ECHO before\r\n").await.expect("sent");
        expect(&mut end, "$6\r\nbefore\r\n").await;
        let push = |message: &[u8]| {
            let core = &mut *shell.core.borrow_mut();
            let words = [message];
            let mut letter = Letter::new(&words);
            let clients = &mut core.node.clients;
            let delivery = clients.deliver(key, &mut letter, Protocol::Resp2, 20_000_000);
            let condemned = clients.take_condemned();
            shell.send_out(core);
            (delivery, condemned)
        };
        assert_eq!(
            push(b"message"),
            (Delivery::Done(MESSAGE.len()), Vec::new())
        );
        expect(&mut end, MESSAGE).await;
        end.write_all(b"ECHO after\r\n").await.expect("sent");
        expect(&mut end, "$5\r\nafter\r\n").await;
        // Nothing of these is read.
        let large = vec![b'x'; 1_000_000];
        let condemned = loop {
            let (delivery, condemned) = push(&large);
            assert_ne!(delivery, Delivery::Gone);
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
        assert_eq!(push(b"nobody"), (Delivery::Gone, Vec::new()));
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

/// What waits of a client that sends `requests` for ever and reads nothing, at most: bytes of requests, bytes of replies.
async fn most_that_waits(
    (shell, key, end): (Rc<Shell>, ClientKey, TcpStream),
    requests: &[u8],
) -> (usize, usize) {
    let mut most = (0, 0);
    // Bytes of which nothing was taken for so long lie in the socket.
    let mut tries_left = 100;
    while tries_left > 0 {
        match end.try_write(requests) {
            Ok(_) => tries_left = 100,
            Err(_) => tries_left -= 1,
        }
        yield_now().await;
        let client = &mut shell.core.borrow_mut().node.clients;
        let client = client.at(key);
        let input_bytes = client.traffic.input_bytes;
        most = (most.0.max(input_bytes), most.1.max(client.outbox.len()));
        if most.0.max(most.1) > 32_000_000 {
            break;
        }
    }
    most
}

#[test]
fn of_a_stranger_little_waits_whatever_the_settings_say() {
    for pauses in [false, true] {
        run(async move {
            let password = Secret::new("secret");
            let stranger = Session {
                login: Login::new(&Users::new(&password)),
                ..Session::default()
            };
            let (shell, key, end) = one_client_with(stranger).await;
            {
                let node = &mut shell.core.borrow_mut().node;
                Arc::make_mut(&mut node.access.users).set_default_password(&password);
                let settings = "normal 0 67108864 60";
                node.settings.preset("client-output-buffer-limit", settings);
                if pauses {
                    let now_ms = shell.clock.wall_ms();
                    node.pause.begin(PauseKind::All, now_ms + 600_000, now_ms);
                }
            }
            let requests = b"PING\r\nAUTH x\r\n".repeat(4_096);
            let (input_bytes, output_bytes) = most_that_waits((shell, key, end), &requests).await;
            assert!(input_bytes < 1_000_000, "{input_bytes}");
            assert!(output_bytes < 1_000_000, "{output_bytes}");
        });
    }
}

/// A long command has the client's input with it; what comes meanwhile is bounded together with that.
#[test]
fn what_comes_beside_a_long_command_counts_with_what_it_holds() {
    run(async {
        let (shell, key, end) = one_client().await;
        let core = || shell.core.borrow_mut();
        core()
            .node
            .settings
            .preset("client-query-buffer-limit", "1048576");
        let count = 120_000;
        let mut request = format!("*{}\r\n$6\r\nEXISTS\r\n", count + 1).into_bytes();
        request.extend_from_slice(&b"$1\r\na\r\n".repeat(count));
        request.extend_from_slice(&b"PING\r\n".repeat(1_000_000));
        let mut rest = &request[..];
        let (mut most_bytes, mut was_held) = (0, false);
        while !(was_held && core().node.hold.is_none()) {
            if let Ok(sent) = end.try_write(rest) {
                rest = &rest[sent..];
            }
            yield_now().await;
            let node = &mut core().node;
            if node.hold.is_some() {
                was_held = true;
                most_bytes = most_bytes.max(node.clients.at(key).traffic.input_bytes);
            }
        }
        assert!(most_bytes < 1_048_576 + 400_000, "{most_bytes}");
    });
}

/// A node that stops closes a client once it has taken what is there, whatever its next command waits for.
#[test]
fn a_client_that_waits_does_not_hold_up_the_end_of_the_node() {
    for waits in [
        "CLIENT PAUSE 600000 WRITE\r\nSET a 1\r\n",
        "SHUTDOWN\r\nECHO x\r\n",
    ] {
        run(async move {
            let (shell, key, mut end) = one_client().await;
            let core = || shell.core.borrow_mut();
            core().node.clients.hold_until(key, Offset(10));
            end.write_all(b"ECHO a\r\n").await.expect("sent");
            end.write_all(waits.as_bytes()).await.expect("sent");
            while core().node.clients.at(key).traffic.waits.is_none() {
                yield_now().await;
            }
            shell.stop();
            core().node.clients.reached(Offset(10));
            let mut replies = String::new();
            end.read_to_string(&mut replies).await.expect("an end");
            assert!(replies.starts_with("$1\r\na\r\n"), "{replies}");
        });
    }
}

#[test]
fn who_wants_no_replies_is_told_of_no_broken_request() {
    for (wish, expected) in [("ON", "+OK\r\n-ERR Protocol"), ("OFF", ""), ("SKIP", "")] {
        run(async move {
            let (_shell, _, mut end) = one_client().await;
            let requests = format!("CLIENT REPLY {wish}\r\n*1\r\n$x\r\n");
            end.write_all(requests.as_bytes()).await.expect("sent");
            let mut replies = String::new();
            end.read_to_string(&mut replies).await.expect("an end");
            assert_eq!(replies.is_empty(), expected.is_empty(), "{replies}");
            assert!(replies.starts_with(expected), "{replies}");
        });
    }
}

#[test]
fn an_errand_that_fails_counts_as_a_command_that_failed() {
    run(async {
        let (shell, _, mut end) = one_client().await;
        let core = || shell.core.borrow_mut();
        core().node.identity.config_file = "elsewhere".into();
        end.write_all(b"CONFIG REWRITE\r\n").await.expect("sent");
        expect(
            &mut end,
            "-ERR The server is running without a config file\r\n",
        )
        .await;
        let failed = core().node.stats.command(CommandId::ConfigRewrite).failed;
        assert_eq!(failed, 1);
    });
}
