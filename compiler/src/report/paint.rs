//! Colour by meaning, on terminals only.

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

    fn ansi(self, code: &str, text: &str) -> String {
        if self.on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// Colours text about something that is as it should be.
    pub(crate) fn good(self, text: &str) -> String {
        self.ansi("32", text)
    }

    /// Colours text about something that is not as it should be.
    pub(crate) fn bad(self, text: &str) -> String {
        self.ansi("31;1", text)
    }

    /// Colours text about something to be looked at.
    pub(crate) fn mind(self, text: &str) -> String {
        self.ansi("33", text)
    }

    /// Marks text that the eye should find first.
    pub(crate) fn head(self, text: &str) -> String {
        self.ansi("1", text)
    }

    /// Marks text that the eye may skip.
    pub(crate) fn faint(self, text: &str) -> String {
        self.ansi("2", text)
    }
}
