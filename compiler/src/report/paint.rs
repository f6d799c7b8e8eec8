//! Colour by meaning, on terminals only.

use super::sections::Mark;

/// Paints text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// Makes the paint, which colours text if `on` and leaves it as it is otherwise.
    pub(crate) const fn new(on: bool) -> Self {
        Self { on }
    }

    /// Returns text in the colour of its mark.
    pub(crate) fn mark(self, mark: Mark, text: &str) -> String {
        let code = match mark {
            Mark::Gap => return "  ".to_owned(),
            Mark::Plain => "",
            Mark::Strong => "1",
            Mark::Good => "32",
            Mark::Bad => "31;1",
            Mark::Mind => "33",
            Mark::Faint => "2",
        };
        if self.on && !code.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Colours text about something that is as it should be.
    pub(crate) fn good(self, text: &str) -> String {
        self.mark(Mark::Good, text)
    }

    /// Colours text about something that is not as it should be.
    pub(crate) fn bad(self, text: &str) -> String {
        self.mark(Mark::Bad, text)
    }

    /// Colours text about something to be looked at.
    pub(crate) fn mind(self, text: &str) -> String {
        self.mark(Mark::Mind, text)
    }

    /// Marks text that the eye should find first.
    pub(crate) fn head(self, text: &str) -> String {
        self.mark(Mark::Strong, text)
    }

    /// Marks text that the eye may skip.
    pub(crate) fn faint(self, text: &str) -> String {
        self.mark(Mark::Faint, text)
    }
}
