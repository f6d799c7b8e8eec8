//! The verdict as people read it at the top of a report.

use super::GateReport;

impl GateReport<'_> {
    /// Returns the verdict in a few words for people; programs read [`GateReport::word`].
    pub(crate) fn headline(&self) -> &'static str {
        match self.word() {
            word if word == self.class().as_str() => self.class().in_words(),
            word => word,
        }
    }
}
