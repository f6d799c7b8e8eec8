//! How the demo looks: plain text, colour only on a terminal.

use std::io::IsTerminal as _;
use std::time::Duration;

/// Where the story is told.
pub(crate) struct Screen {
    colour: bool,
}

/// One line of the table of attempts.
pub(crate) struct Row {
    pub(crate) attempt: String,
    pub(crate) decision: &'static str,
    pub(crate) why: String,
    pub(crate) missing: String,
    pub(crate) took: Duration,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self {
            colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn title(&self, text: &str) {
        println!("\n{}\n", self.paint("1", text));
    }

    pub(crate) fn say(&self, text: &str) {
        println!("\n  {text}\n");
    }

    /// Something that takes a while, on standard error so that the story stays clean.
    pub(crate) fn progress(&self, text: &str) {
        eprintln!("  … {text}");
    }

    pub(crate) fn step(&self, name: &str, text: &str, took: Option<Duration>) {
        let took = took
            .map(|took| format!("  ({} ms)", took.as_millis()))
            .unwrap_or_default();
        println!(
            "  {} {text}{}",
            self.paint("36", &format!("{name:<13}")),
            self.paint("2", &took)
        );
    }

    pub(crate) fn table(&self, rows: &[Row]) {
        let width = |of: fn(&Row) -> &str, title: &str| {
            rows.iter()
                .map(|row| of(row).chars().count())
                .max()
                .unwrap_or(0)
                .max(title.len())
        };
        let attempt = width(|row| &row.attempt, "attempt");
        let why = width(|row| &row.why, "why");
        let missing = width(|row| &row.missing, "missing, or to be done");
        let head = format!(
            "{:<attempt$}  {:<8}  {:<why$}  {:<missing$}  {:>8}",
            "attempt", "decision", "why", "missing, or to be done", "time"
        );
        println!("  {}", self.paint("1", &head));
        for row in rows {
            let code = match row.decision {
                "permit" => "32",
                "route" => "33",
                _ => "31",
            };
            println!(
                "  {:<attempt$}  {}  {:<why$}  {:<missing$}  {:>8}",
                row.attempt,
                self.paint(code, &format!("{:<8}", row.decision)),
                row.why,
                row.missing,
                format!("{:.1} ms", row.took.as_secs_f64() * 1000.0)
            );
        }
    }
}
