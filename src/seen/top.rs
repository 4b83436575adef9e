//! `switchyard top`: how a proxy, its shards and its nodes are, once a second, on the terminal.
//! Reaches: the terminal, the proxy's admin listener. Invariant: the terminal is as it was when it ends, however it ends.

use super::args::LookArguments;
use super::{LOOK_EVERY, Look, text};
use crate::answer_if_read;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Paragraph, Row, Sparkline, Table};
use ratatui::{DefaultTerminal, Frame};
use serde_json::Value;
use shared::clock::Clock;
use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::sync::mpsc;
use std::time::Duration;
use switchyard::Failure;

/// Rates that are drawn: as many as a wide terminal has columns.
const MOST_RATES: usize = 400;

/// `switchyard top`.
pub(crate) fn top(arguments: &LookArguments) -> Result<(), Failure> {
    let admin = arguments.admin.admin()?;
    // What is wrong is said before the terminal is another one.
    let mut look = Look::at(&admin);
    if let Err(failure) = look {
        return Err(failure);
    }
    if arguments.json {
        // Nobody says anything: it is for its deadline.
        let (_silent, nothing) = mpsc::channel::<()>();
        while answer_if_read(&look?.as_json())? {
            nothing.recv_timeout(LOOK_EVERY).ok();
            look = Look::at(&admin);
        }
        return Ok(());
    }
    if !io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "top draws on a terminal, and this is none; --json prints a line a second".to_owned(),
        ));
    }
    let mut terminal = ratatui::try_init().map_err(unusable)?;
    let ended = watch(&mut terminal, || Look::at(&admin), look);
    ratatui::restore();
    ended.map_err(unusable)
}

fn unusable(source: io::Error) -> Failure {
    Failure::System {
        what: "use the terminal",
        source,
    }
}

/// Until somebody wants no more.
fn watch(
    terminal: &mut DefaultTerminal,
    mut ask: impl FnMut() -> Result<Look, Failure>,
    mut look: Result<Look, Failure>,
) -> io::Result<()> {
    let clock = Clock::system();
    let mut rates: VecDeque<u64> = VecDeque::new();
    let pause_ms = u64::try_from(LOOK_EVERY.as_millis()).unwrap_or(u64::MAX);
    loop {
        let asked_ms = clock.monotonic_ms();
        if let Ok(look) = &look {
            rates.push_front(rate_of(&look.status));
            rates.truncate(MOST_RATES);
        }
        loop {
            terminal.draw(|frame| draw(frame, &look, &rates))?;
            let spent_ms = clock.monotonic_ms().saturating_sub(asked_ms);
            let left = Duration::from_millis(pause_ms.saturating_sub(spent_ms));
            if left.is_zero() {
                break;
            }
            if event::poll(left)? && is_enough(&event::read()?) {
                return Ok(());
            }
        }
        look = ask();
    }
}

fn rate_of(status: &Value) -> u64 {
    let rate = status["now"]["requests_per_second"].as_f64();
    // A picture needs no fractions.
    format!("{:.0}", rate.unwrap_or_default().max(0.0))
        .parse()
        .unwrap_or_default()
}

fn is_enough(event: &Event) -> bool {
    let Event::Key(key) = event else {
        return false;
    };
    let is_interrupt = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
    let is_end = matches!(key.code, KeyCode::Char('q') | KeyCode::Esc);
    key.kind == KeyEventKind::Press && (is_interrupt || is_end)
}

fn draw(frame: &mut Frame<'_>, look: &Result<Look, Failure>, rates: &VecDeque<u64>) {
    let (lines, shards, nodes) = match look {
        Ok(look) => (
            text::head(&look.status),
            text::shard_rows(&look.shards),
            text::node_rows(&look.nodes),
        ),
        Err(failure) => (vec![failure.in_words()], Vec::new(), Vec::new()),
    };
    let room = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let areas = Layout::vertical([
        Constraint::Length(room(lines.len())),
        Constraint::Length(5),
        Constraint::Max(room(shards.len()).saturating_add(3)),
        Constraint::Min(3),
        Constraint::Length(1),
    ]);
    let [top, rate, middle, below, bottom] = areas.areas(frame.area());
    let lines: Vec<Line<'_>> = lines.into_iter().map(Line::from).collect();
    frame.render_widget(Paragraph::new(lines), top);
    let data: Vec<u64> = rates.iter().copied().take(rate.width.into()).collect();
    let sparkline = Sparkline::default().data(data).direction(
        // The newest stands at the right.
        ratatui::widgets::RenderDirection::RightToLeft,
    );
    let title = Block::default().title(" requests a second ");
    frame.render_widget(sparkline.block(title), rate);
    frame.render_widget(table(text::SHARD_HEADS, shards, " shards "), middle);
    frame.render_widget(table(text::NODE_HEADS, nodes, " nodes "), below);
    frame.render_widget(Line::from("q ends"), bottom);
}

fn table<'a>(heads: &'a [&'a str], rows: Vec<Vec<String>>, title: &'a str) -> Table<'a> {
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        let widest = cells.chain([heads[at].len()]).max().unwrap_or_default();
        Constraint::Length(u16::try_from(widest).unwrap_or(u16::MAX))
    };
    let widths: Vec<Constraint> = (0..heads.len()).map(width).collect();
    let bold = Style::default().add_modifier(Modifier::BOLD);
    let head = Row::new(heads.iter().copied()).style(bold);
    let rows: Vec<Row<'_>> = rows.into_iter().map(Row::new).collect();
    Table::new(rows, widths)
        .header(head)
        .column_spacing(2)
        .block(Block::default().title(title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    fn shown(look: &Result<Look, Failure>, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let rates = VecDeque::from([3, 2, 1]);
        terminal.draw(|frame| draw(frame, look, &rates)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn shards_and_nodes_are_drawn_in_whatever_room_there_is() {
        let member = json!({ "node": "n2", "place": "primary", "lag_bytes": null });
        let shard = json!({ "id": "s1", "epoch": 3, "members": [member], "copies": 1, "is_reachable": true, "waiting_requests": 0 });
        let look = Ok(Look {
            status: json!({ "proxy": "p-1", "readiness": "ok", "now": { "requests_per_second": 3.0 } }),
            shards: json!([shard]),
            nodes: json!([{ "id": "n2", "shard": "s1", "address": "127.0.0.1:7" }]),
        });
        let text = shown(&look, 100, 30);
        for part in [
            "proxy p-1",
            "SHARD",
            "1 of 1",
            "NODE",
            "127.0.0.1:7",
            "q ends",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for (width, height) in [(1, 1), (10, 3), (300, 200)] {
            shown(&look, width, height);
        }
        let away = Err(Failure::Usage("it is away".to_owned()));
        assert!(shown(&away, 80, 10).contains("it is away"));
    }

    #[test]
    fn q_escape_and_control_c_end_it() {
        use ratatui::crossterm::event::KeyEvent;
        let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
        assert!(is_enough(&key(KeyCode::Char('q'), KeyModifiers::NONE)));
        assert!(is_enough(&key(KeyCode::Esc, KeyModifiers::NONE)));
        assert!(is_enough(&key(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert!(!is_enough(&key(KeyCode::Char('c'), KeyModifiers::NONE)));
        assert!(!is_enough(&Event::FocusGained));
    }
}
