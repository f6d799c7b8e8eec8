//! Markup that is ours, and text that is escaped. Nothing that is not a literal of this program gets in unescaped.

use stopgate_decide::visible::visible;

/// Most characters of a text that is not ours.
const TEXT: usize = 2_000;

/// A page as far as it is written.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Appends markup as it stands in this program.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Appends text, escaped.
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

    /// Appends text that is not ours: what cannot be seen in it is written out, and very long text is cut.
    pub(super) fn quoted(&mut self, text: &str) -> &mut Self {
        self.text(&visible(text, TEXT))
    }

    /// Appends an opening tag with its attributes, `<tag name="value">`; the values are escaped.
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

    /// Returns the whole page.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}
