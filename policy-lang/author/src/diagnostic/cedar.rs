//! Facts about Cedar texts, worded by the module that reads Cedar; here they get their code and their place.

use super::{Code, Diagnostic};
use crate::cedar::CedarMistake;
use crate::source::Span;

/// Makes a diagnostic of `mistake`, whose range is `span` in its file. A mistake with a code that is not registered
/// stays an error.
pub(crate) fn mistake(mistake: &CedarMistake, span: Span) -> Diagnostic {
    let CedarMistake {
        code,
        message,
        help,
        range: _,
    } = mistake;
    let code = Code::from_name(code).unwrap_or(Code::CedarSyntax);
    let diagnostic = Diagnostic::new(code, span, message.clone(), "");
    diagnostic.help(help.clone().unwrap_or_else(|| code.advice().to_owned()))
}
