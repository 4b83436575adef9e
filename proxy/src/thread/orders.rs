//! What a thread is told by the rest of the proxy, and what it asks other threads.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::config::UsersIn;
use shared::resp::RequestScanner;
use shared::session::Unblock;
use shared::throttle::Throttle;
use shared::tracking::Mode;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::clients::Connection;
use super::rest::worked_ns;
use super::stream::ClientStream;
use super::{ProxyThread, proxies, run_client};
use crate::client::{Client, ClientState, Outlet, WaitsFor, Work};
use crate::events::{Kind, News};
use crate::here::{self, ClientOrder, ClientVerdict, Standing};
use crate::metrics::readiness::Access;
use crate::metrics::thread_report::ThreadReport;
use crate::orders::{ANSWER_WITHIN, Arrival, Order, ask_clients_of_all};
use crate::redirects::ClientPlace;
use crate::request::here::{Question, WaitingErrand};
use crate::slab::Key;

/// Until the order to stop.
pub(super) async fn take_orders(
    thread: &Rc<RefCell<ProxyThread>>,
    orders: &mut mpsc::Receiver<Order>,
) {
    while let Some(order) = orders.recv().await {
        match order {
            Order::Serve(arrival) => serve_arrival(thread, arrival),
            Order::Report(answer) => {
                // Whoever asked may have lost patience.
                answer.send(thread.borrow().report()).ok();
            }
            Order::Clients(order, answer) => {
                let verdict = thread.borrow_mut().clients_order(&order);
                answer.send(verdict).ok();
            }
            Order::Show(lines) => {
                let mut thread = thread.borrow_mut();
                thread.exchange.show_here(&lines.text);
                thread.wake_flusher();
            }
            Order::Tell(words) => {
                let mut thread = thread.borrow_mut();
                thread.exchange.hear_words(&words);
                thread.wake_flusher();
            }
            Order::Moving(moving) => {
                let mut thread = thread.borrow_mut();
                thread.exchange.tell_moving(moving);
                thread.wake_flusher();
            }
            Order::Stop => return,
        }
    }
}

fn serve_arrival(thread: &Rc<RefCell<ProxyThread>>, arrival: Arrival) {
    let Arrival {
        stream,
        peer,
        is_tls,
    } = arrival;
    let accepted = stream
        .local_addr()
        .and_then(|local| Ok((tokio::net::TcpStream::from_std(stream)?, local)));
    let (stream, local) = match accepted {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::debug!(%peer, %error, "a client left while it was accepted");
            thread.borrow().count_one_less();
            return;
        }
    };
    let front = thread.borrow().exchange.proxy.tls.clone();
    match front {
        Some(front) if is_tls => {
            let thread = Rc::clone(thread);
            tokio::task::spawn_local(async move {
                match front.greet(stream).await {
                    Some(stream) => {
                        let stream = ClientStream::Tls(Box::new(stream));
                        thread.borrow_mut().serve(stream, peer, local);
                    }
                    None => thread.borrow().count_one_less(),
                }
            });
        }
        _ => thread
            .borrow_mut()
            .serve(ClientStream::Plain(stream), peer, local),
    }
}

impl ProxyThread {
    fn serve(&mut self, stream: ClientStream, peer: SocketAddr, local: SocketAddr) {
        let exchange = &mut self.exchange;
        let proxy = &exchange.proxy;
        let id = proxy.counters.next_client.fetch_add(1, Ordering::Relaxed);
        let state = ClientState::new(id, peer, local, &proxy.access, exchange.now_ms());
        let client = Client {
            scanner: RequestScanner::new(state.limits(proxy.bulk_bytes())),
            state,
            input: Vec::new(),
            work: if self.is_stopping {
                Work::Ending
            } else {
                Work::Reading
            },
            routed_by: exchange.snapshot.version(),
            blocking: None,
        };
        let key = exchange.receivers.outlets.insert(Outlet::default());
        let place = ClientPlace {
            thread: exchange.number,
            key,
        };
        exchange.proxy.whereabouts.enter(id, place);
        self.look_for_stall();
        let is_doubtful = self.has_just_stalled();
        self.begin_client(Box::new(Connection::new(key, stream, client, is_doubtful)));
        if let Some(thread) = self.me.upgrade() {
            tokio::task::spawn_local(tokio::task::unconstrained(run_client(thread, key)));
        }
    }

    /// A client left before it was served.
    fn count_one_less(&self) {
        let clients = &self.exchange.proxy.counters.clients;
        clients.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn report(&self) -> ThreadReport {
        let exchange = &self.exchange;
        let mut report = ThreadReport {
            stats: exchange.receivers.stats.clone(),
            shards: exchange.pipes.shard_names().to_vec(),
            worked_ns: worked_ns(),
            clients: exchange.receivers.outlets.len(),
            pipes_open: 0,
            requests_waiting: 0,
            bytes_waiting: 0,
            leases: exchange.leases.len(),
            reachable: Vec::new(),
            waiting: exchange.pipes.waiting(),
        };
        for pipe in exchange.pipes.iter() {
            report.pipes_open += usize::from(pipe.is_open);
            report.requests_waiting += pipe.line.requests() + pipe.aside.requests();
            report.bytes_waiting += pipe.line.bytes();
        }
        report.reachable = exchange
            .pipes
            .primaries()
            .map(|node| (node.shard.clone(), Access::of(&node.reach)))
            .collect();
        report
    }

    /// Carries out what was asked about this thread's clients.
    fn clients_order(&mut self, order: &ClientOrder) -> ClientVerdict {
        let mut verdict = ClientVerdict::default();
        match order {
            ClientOrder::List(filter) | ClientOrder::ListAll(filter, _) => {
                for (key, outlet) in self.exchange.receivers.outlets.iter() {
                    let Some(client) = self.client(key) else {
                        continue;
                    };
                    let id = client.state.id;
                    if filter.accepts(&client.state) {
                        verdict.lines.push((id, self.line_of(key, client, outlet)));
                    }
                }
            }
            ClientOrder::Kill(filter) => {
                let mut condemned: Vec<(Key, bool)> = Vec::new();
                for key in self.clients() {
                    if let Some(client) = self.client(key)
                        && filter.accepts(&client.state)
                    {
                        condemned.push((key, filter.is_caller(&client.state)));
                    }
                }
                verdict.killed = condemned.len();
                for (key, is_caller) in condemned {
                    if is_caller {
                        self.end_client(key);
                    } else {
                        self.remove_client(key);
                    }
                }
                self.wake_flusher();
            }
            ClientOrder::Unblock(unblock) => verdict.unblocked = self.unblock(*unblock),
        }
        verdict
    }

    /// Ends the waiting of a client at a node; whether it is one of ours, and waits there.
    fn unblock(&mut self, unblock: Unblock) -> bool {
        let is_meant = |key: &Key| {
            let client = self.client(*key);
            client.is_some_and(|client| i64::try_from(client.state.id) == Ok(unblock.id))
        };
        let Some(key) = self.clients().into_iter().find(is_meant) else {
            return false;
        };
        let outlet = self.exchange.receivers.outlet(key);
        // Who was told so before waits no more, although it may not have heard it yet.
        if !outlet.is_blocked || outlet.unblock.is_some() {
            return false;
        }
        outlet.unblock(unblock.with_error);
        self.exchange.receivers.mark_dirty(key);
        self.wake_flusher();
        true
    }

    /// A line of CLIENT LIST.
    fn line_of(&self, key: Key, client: &Client, outlet: &Outlet) -> String {
        let buffered = (client.input_bytes(), outlet.queue.bytes());
        let mode = self.exchange.receivers.tracking.mode(key);
        let standing = Standing {
            buffered,
            is_blocked: outlet.is_blocked || outlet.waits_for() == Some(WaitsFor::Pause),
            is_broken: mode.is_some_and(Mode::is_broken),
        };
        here::describe(&client.state, self.exchange.now_ms(), &standing)
    }

    /// Has the file of users read or written, beside the thread, or the store asked, and fills in the answer then.
    pub(super) fn carry_out(&mut self, errand: WaitingErrand) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let proxy = Arc::clone(&self.exchange.proxy);
        tokio::task::spawn_local(async move {
            let what = errand.what;
            let done = match proxy.config.users {
                UsersIn::Store => {
                    let (access, config) = (&proxy.access, &proxy.config);
                    access.carry_out_in_store(what, config).await
                }
                UsersIn::Own => {
                    let work = move || proxy.access.carry_out(what, &proxy.config);
                    let done = tokio::task::spawn_blocking(work).await;
                    done.unwrap_or_else(|error| Err(error.to_string()))
                }
            };
            let mut thread = me.borrow_mut();
            thread.exchange.answer_errand(&errand, done);
            thread.wake_flusher();
        });
    }

    /// Sends what clients have asked for to those who are shown it, as far as their threads have taken what came before.
    pub(super) fn send_shown(&mut self) {
        if !self.exchange.monitors.take_news() {
            return;
        }
        let ready: Vec<usize> = self.exchange.monitors.ready().collect();
        let proxy = Arc::clone(&self.exchange.proxy);
        for thread in ready {
            if thread == self.exchange.number {
                let lines = self.exchange.monitors.take(thread);
                self.exchange.show_here(&lines.text);
            } else if let Some(contact) = proxy.threads.get(thread)
                && let Ok(permit) = contact.orders.try_reserve()
            {
                permit.send(Order::Show(self.exchange.monitors.take(thread)));
            }
        }
    }

    /// Sends what clients of other threads are told in the place of ours, as far as those threads take it.
    pub(super) fn send_words(&mut self) {
        let proxy = Arc::clone(&self.exchange.proxy);
        for thread in self.exchange.receivers.redirects.take_ready() {
            let Some(contact) = proxy.threads.get(thread) else {
                continue;
            };
            match contact.orders.try_reserve() {
                Ok(permit) => {
                    let words = self.exchange.receivers.redirects.take(thread);
                    permit.send(Order::Tell(words));
                }
                Err(TrySendError::Full(())) => {}
                // Its last client has gone.
                Err(TrySendError::Closed(())) => {
                    let words = self.exchange.receivers.redirects.take(thread);
                    self.exchange.receivers.nobody_heard(&words, thread);
                }
            }
        }
    }

    /// Cuts those who are shown every command, where they did not get all, and sends what had to wait.
    pub(super) fn tick_monitors(&mut self) {
        for client in self.exchange.monitors_behind() {
            static BEHIND: Throttle = Throttle::new();
            if let Some(left_out) = BEHIND.admit(self.exchange.clock.wall_ms()) {
                let words =
                    "client closed: it is shown every command, and more came at once than is kept";
                let news = News::warning(Kind::ClientsCut, words).after(left_out);
                self.exchange.proxy.events.tell(news);
            }
            self.remove_client(client);
        }
        self.exchange.monitors.look_again();
    }

    /// Asks every thread, this one too, and fills in the answer when all have had their say.
    pub(super) fn ask_threads(&mut self, question: Question) {
        let Some(me) = self.me.upgrade() else {
            return;
        };
        let proxy = Arc::clone(&self.exchange.proxy);
        tokio::task::spawn_local(async move {
            let all = ask_clients_of_all(&proxy.threads, &question.order);
            let all = tokio::time::timeout(ANSWER_WITHIN, all);
            let (verdicts, others) = match &question.order {
                ClientOrder::ListAll(_, words) => {
                    let (own, others) =
                        tokio::join!(all, proxies::clients_of_others(&proxy, words));
                    (
                        own.map(|own| proxies::named(&proxy.name(), own)),
                        Some(others),
                    )
                }
                _ => (all.await, None),
            };
            let verdicts = verdicts
                .ok()
                .map(|own| own.into_iter().chain(others).collect());
            let mut thread = me.borrow_mut();
            thread.exchange.answer_question(&question, verdicts);
            thread.wake_flusher();
        });
    }
}
