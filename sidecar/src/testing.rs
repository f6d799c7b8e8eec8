//! What unit tests hear of events, and faults that they make at one.
//!
//! Only the thread that asks is heard: a test that spawns tasks runs them all on its own.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// Sends the events of threads where nobody listens to somebody who takes no note of them. Without that, whether an event
/// is written at all is decided for every thread by the first one that comes by, and where that one has no listener, the
/// listeners of others are passed over.
fn listen_everywhere() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry())
            .expect("nobody else listens to all threads");
    });
}

/// Every event of this thread until it is dropped.
pub(crate) struct Heard {
    lines: EventLines,
    _listening: DefaultGuard,
}

#[derive(Clone, Default)]
struct EventLines(Arc<Mutex<Vec<String>>>);

/// One event: `message`, then ` name=value` of each field.
#[derive(Default)]
struct EventLine {
    message: String,
    fields: String,
}

impl Heard {
    pub(crate) fn begin() -> Self {
        listen_everywhere();
        let lines = EventLines::default();
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        Self {
            lines,
            _listening: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Takes every event whose message begins with `message` and that was not taken before.
    pub(crate) fn take(&self, message: &str) -> Vec<String> {
        let mut lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = lines.extract_if(.., |line| line.starts_with(message));
        taken.collect()
    }
}

impl<S: tracing::Subscriber> Layer<S> for EventLines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = EventLine::default();
        event.record(&mut line);
        let line = format!("{}{}", line.message, line.fields);
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push(line);
    }
}

impl Visit for EventLine {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            write!(self.fields, " {}={value:?}", field.name()).expect("a text");
        }
    }
}

/// Panics at the event with this message: a fault wherever events are written.
struct PanicAt(&'static str);

struct EventMessage(&'static str);

/// Makes the event `message` panic, from here on until what is returned is dropped.
pub(crate) fn panic_at(message: &'static str) -> DefaultGuard {
    listen_everywhere();
    let subscriber = tracing_subscriber::registry().with(PanicAt(message));
    tracing::subscriber::set_default(subscriber)
}

impl<S: tracing::Subscriber> Layer<S> for PanicAt {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut EventMessage(self.0));
    }
}

impl Visit for EventMessage {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        assert!(
            field.name() != "message" || format!("{value:?}") != self.0,
            "a fault at {:?}",
            self.0
        );
    }
}
