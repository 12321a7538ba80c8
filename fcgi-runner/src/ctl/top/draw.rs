//! How `top` looks: at least usable with 80 columns and 24 lines, and less without a panic.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Sparkline, Table};

use super::super::picture::{Picture, Worker};
use super::super::tables::request;
use super::super::text::{age, bytes, count, cut, rate, time};
use super::screen::{Message, Screen};
use crate::messages::plain;

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &mut Screen) {
    let [head, graph, table, foot] = Layout::vertical([
        Constraint::Length(4),
        Constraint::Length(4),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    draw_head(frame, screen, head);
    draw_graph(frame, screen, graph);
    draw_workers(frame, screen, table);
    draw_foot(frame, screen, foot);
    if let Some((title, text)) = &screen.sheet {
        draw_sheet(frame, title, text);
    }
}

fn draw_head(frame: &mut Frame<'_>, screen: &Screen, area: Rect) {
    let lines = match &screen.picture {
        Some(picture) => head(picture, screen),
        None => vec![Line::from("fcgi-run: asking the server")],
    };
    frame.render_widget(Paragraph::new(lines), area);
}

fn head<'p>(Picture { who, status }: &'p Picture, screen: &Screen) -> Vec<Line<'p>> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let requests = &status.requests;
    let now = screen.history.back().map_or_else(|| "-".to_owned(), |now| rate(*now));
    let waiting = status.waiting().map_or_else(|| "-".to_owned(), count);
    let quantiles = requests.latency.minute.as_ref().or(requests.latency.all.as_ref());
    let latency = quantiles
        .map_or_else(|| "-".to_owned(), |q| format!("{} / {} / {}", time(q.p50), time(q.p90), time(q.p99)));
    let reload = status.master.last_reload.as_ref().map_or_else(String::new, |last| {
        let how = if last.ok { "well" } else { "FAILED" };
        format!("   reload {} ago: {how}", age(last.ago_seconds))
    });
    vec![
        Line::from(vec![
            Span::styled(format!("{} ", cut(&status.server.app, 40)), bold),
            Span::raw(format!(" pid {}  up {}  ", who.pid, age(status.server.uptime_seconds))),
            Span::styled(cut(&status.master.state, 12), of_state(&status.master.state, screen.colours)),
            Span::raw(reload),
        ]),
        Line::from(format!(
            "workers {} of {}: {} busy, {} idle, {} starting, {} leaving   restarts {}",
            status.workers.len(),
            status.master.max_workers,
            status.count("busy"),
            status.count("idle"),
            status.count("starting"),
            status.count("leaving"),
            count(status.restarts.total),
        )),
        Line::from(format!(
            "requests {}  5xx {}  running {}  queue {waiting}",
            count(requests.total),
            count(requests.statuses.failed),
            requests.running,
        )),
        Line::from(vec![
            Span::styled(format!("{now}/s"), bold),
            Span::raw(format!("   median / 90 % / 99 %: {latency}")),
        ]),
    ]
}

fn draw_graph(frame: &mut Frame<'_>, screen: &Screen, area: Rect) {
    let width = usize::from(area.width);
    let shown = screen.history.iter().skip(screen.history.len().saturating_sub(width));
    // Whole numbers are all that is drawn; ten times as fine, so that one a minute is seen.
    let heights: Vec<u64> = shown.clone().map(|rate| whole(rate * 10.0)).collect();
    let most = shown.copied().fold(0.0, f64::max);
    let title = format!(" requests/s, most {} ", rate(most));
    let block = Block::new().borders(ratatui::widgets::Borders::TOP).title(title);
    let style = if screen.colours { Style::new().fg(Color::Green) } else { Style::new() };
    // The newest is at the right.
    let blank = vec![0; width.saturating_sub(heights.len())];
    frame.render_widget(Sparkline::default().block(block).style(style).data([blank, heights].concat()), area);
}

fn draw_workers(frame: &mut Frame<'_>, screen: &mut Screen, area: Rect) {
    let widths = [7, 8, 7, 3, 9, 6, 7].map(Constraint::Length).into_iter().chain([Constraint::Min(10)]);
    let room = usize::from(area.width).saturating_sub(56);
    let rows: Vec<Row<'static>> = screen.workers().iter().map(|worker| row(worker, screen, room)).collect();
    let reversed = Style::new().add_modifier(Modifier::REVERSED);
    let head = Row::new(["    PID", "STATE", "    AGE", "GEN", "   SERVED", "   R/S", " MEMORY", "REQUEST"]);
    let table = Table::new(rows, widths)
        .header(head.style(Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)))
        .column_spacing(1)
        .row_highlight_style(reversed);
    frame.render_stateful_widget(table, area, &mut screen.table);
}

fn row(worker: &Worker, screen: &Screen, room: usize) -> Row<'static> {
    let pid = worker.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let now =
        worker.pid.and_then(|pid| screen.rates.get(&pid)).map_or_else(|| "-".to_owned(), |now| rate(*now));
    let memory = worker.resident_bytes.map_or_else(|| "-".to_owned(), bytes);
    Row::new([
        Cell::from(format!("{pid:>7}")),
        Cell::from(cut(&worker.state, 8)).style(of_state(&worker.state, screen.colours)),
        Cell::from(format!("{:>7}", age(worker.age_seconds))),
        Cell::from(format!("{:>3}", worker.generation)),
        Cell::from(format!("{:>9}", count(worker.served))),
        Cell::from(format!("{now:>6}")),
        Cell::from(format!("{memory:>7}")),
        Cell::from(cut(&request(worker), room)),
    ])
}

fn draw_foot(frame: &mut Frame<'_>, screen: &Screen, area: Rect) {
    let line = match &screen.message {
        Message::Nothing => Line::from(format!(
            "q quit  r reload  s stack  k recycle  +- scale  ? keys  o by {}",
            screen.order.word()
        )),
        Message::Good(text) => Line::from(plain::line(text)),
        Message::Bad(text) => {
            let style = if screen.colours { Style::new().fg(Color::Red) } else { Style::new() };
            Line::styled(plain::line(text), style.add_modifier(Modifier::BOLD))
        }
    };
    frame.render_widget(Paragraph::new(line), area);
}

/// A text over everything else; what has no room at its end is what matters in a traceback, so its beginning is left out.
fn draw_sheet(frame: &mut Frame<'_>, title: &str, text: &str) {
    let area = frame.area();
    let room = usize::from(area.height).saturating_sub(2);
    let text = plain::lines(text);
    let lines: Vec<&str> = text.lines().collect();
    let lines: Vec<Line<'_>> =
        lines[lines.len().saturating_sub(room)..].iter().copied().map(Line::from).collect();
    let block = Block::bordered().title(format!(" {} (any key goes back) ", cut(title, 50)));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn of_state(state: &str, colours: bool) -> Style {
    match state {
        _ if !colours => Style::new(),
        "busy" => Style::new().fg(Color::Yellow),
        "starting" | "reloading" => Style::new().fg(Color::Cyan),
        "leaving" | "stopping" => Style::new().fg(Color::Magenta),
        "idle" | "serving" => Style::new().fg(Color::Green),
        _ => Style::new(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, and not below zero")]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::super::super::tables::tests::picture;
    use super::super::screen::Act;
    use super::*;
    use crate::supervisor::control::message::Question;

    fn lines(screen: &mut Screen, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, screen)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        (0..height).map(line).collect()
    }

    fn press(screen: &mut Screen, code: KeyCode) -> Act {
        screen.press(KeyEvent::new(code, KeyModifiers::NONE))
    }

    /// As it is after two looks, between which 60 requests were served in 2 s, 12 of them by worker 101.
    fn screen() -> Screen {
        let mut screen = Screen::new(false);
        let now = Instant::now();
        let mut before = picture();
        before.status.requests.total -= 60;
        before.status.workers[0].served -= 12;
        screen.update(before, now);
        screen.update(picture(), now + Duration::from_secs(2));
        screen
    }

    #[test]
    fn everything_has_its_place_at_80_by_24() {
        let lines = lines(&mut screen(), 80, 24);
        assert_eq!(lines[0], "mysite.wsgi  pid 4711  up 1d 2h  serving   reload 1m 1s ago: FAILED");
        assert_eq!(lines[1], "workers 3 of 50: 1 busy, 1 idle, 1 starting, 0 leaving   restarts 4");
        assert_eq!(lines[2], "requests 1 234 567  5xx 12  running 1  queue 3");
        assert_eq!(lines[3], "30/s   median / 90 % / 99 %: 12 ms / 40 ms / 1.5 s");
        assert!(lines[4].starts_with(" requests/s, most 40 ─"), "{}", lines[4]);
        assert!(lines[5].ends_with("█▂"), "{}", lines[5]);
        assert_eq!(lines[8], "    PID STATE        AGE GEN    SERVED    R/S  MEMORY REQUEST");
        assert_eq!(
            lines[9],
            "    101 busy       1h 1m   2     1 234    6.0   45 MB 12.3 s GET /a/very/long…"
        );
        assert_eq!(lines[10], "    102 idle       1h 0m   2       999    0.0   45 MB");
        assert_eq!(lines[11], "      - starting      0s   3         0      -       -");
        assert_eq!(lines[23], "q quit  r reload  s stack  k recycle  +- scale  ? keys  o by longest request");
    }

    #[test]
    fn no_size_is_too_small_or_too_large() {
        for (width, height) in [(1, 1), (2, 40), (20, 5), (40, 12), (300, 100)] {
            let mut screen = screen();
            lines(&mut screen, width, height);
            press(&mut screen, KeyCode::Char('?'));
            lines(&mut screen, width, height);
        }
    }

    #[test]
    fn keys_choose_sort_and_ask() {
        let mut screen = screen();
        assert_eq!(press(&mut screen, KeyCode::Down), Act::Nothing);
        assert_eq!(screen.chosen, Some(101));
        press(&mut screen, KeyCode::Down);
        press(&mut screen, KeyCode::PageDown);
        assert_eq!((screen.chosen, screen.table.selected()), (Some(102), Some(1)));
        press(&mut screen, KeyCode::Up);
        assert_eq!(screen.chosen, Some(101));
        for _ in 0..2 {
            press(&mut screen, KeyCode::Char('o'));
        }
        assert!(lines(&mut screen, 80, 24)[23].ends_with("o by served"));
        let stack = Question { pid: Some(101), ..Question::new("stack") };
        assert_eq!(press(&mut screen, KeyCode::Char('s')), Act::Ask(stack));
        let recycle = Question { pid: Some(101), ..Question::new("recycle") };
        assert_eq!(press(&mut screen, KeyCode::Char('k')), Act::Ask(recycle));
        let scale = |count| Act::Ask(Question { count: Some(count), ..Question::new("scale") });
        assert_eq!(press(&mut screen, KeyCode::Char('+')), scale(6));
        assert_eq!(press(&mut screen, KeyCode::Char('-')), scale(4));
        assert_eq!(press(&mut screen, KeyCode::Char('r')), Act::Ask(Question::new("reload")));
        assert_eq!(press(&mut screen, KeyCode::Char('?')), Act::Nothing);
        assert!(lines(&mut screen, 80, 24)[0].contains("keys (any key goes back)"));
        assert_eq!(press(&mut screen, KeyCode::Char('q')), Act::Nothing, "goes back");
        assert_eq!(press(&mut screen, KeyCode::Char('q')), Act::Quit);
        assert_eq!(screen.press(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Act::Quit);
    }

    #[test]
    fn a_server_that_is_gone_is_said_to_be() {
        let mut screen = screen();
        screen.lose("the server has hung up");
        let shown = lines(&mut screen, 80, 24);
        assert_eq!(shown[0], "fcgi-run: asking the server");
        assert_eq!(shown[23], "no answer, trying again: the server has hung up");
        screen.update(picture(), Instant::now());
        assert!(lines(&mut screen, 80, 24)[23].starts_with("q quit"));
    }

    #[test]
    fn nothing_that_is_shown_steers_the_terminal() {
        let mut screen = screen();
        let mut odd = picture();
        odd.status.workers[0].requests[0].path = "/\x1b[2J".to_owned();
        screen.update(odd, Instant::now());
        screen.sheet = Some(("stack".to_owned(), "a\x1b]0;x\x07b".to_owned()));
        assert!(lines(&mut screen, 200, 24).concat().contains("a\\u{1b}]0;x\\u{7}b"));
        screen.sheet = None;
        assert!(!lines(&mut screen, 200, 24).concat().contains('\x1b'));
    }
}
