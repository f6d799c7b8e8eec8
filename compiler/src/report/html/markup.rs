//! Markup that is ours, and text that is escaped. Nothing that is not a literal of this program gets in unescaped.

use stopgate_lang::summary::visible;

/// Most characters of a text that is not ours.
const TEXT: usize = 2_000;

/// A page as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Markup as it stands in this program.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text, escaped.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Text that is not ours: what cannot be seen in it is written out, and very much of it is cut.
    pub(super) fn quoted(&mut self, text: &str) -> &mut Self {
        self.text(&visible(text, TEXT))
    }

    /// `<tag name="value">`.
    pub(super) fn open(
        &mut self,
        tag: &'static str,
        attributes: &[(&'static str, &str)],
    ) -> &mut Self {
        self.raw("<").raw(tag);
        for (name, value) in attributes {
            self.raw(" ").raw(name).raw("=\"").text(value).raw("\"");
        }
        self.raw(">")
    }

    /// The whole page.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}
