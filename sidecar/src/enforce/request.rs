//! What a caller asks, as values that are already bounded. The door makes them from whatever its wire carries.

use stopgate_decide::attempt::{Subject, Target};
use stopgate_decide::digest::Digest;

use crate::bounds::{MAX_LABEL, MAX_REQUEST_ID, MAX_SUBJECT};
use crate::identity::SubjectToken;

/// One request for a decision.
#[derive(Debug)]
pub struct Request {
    /// The caller's own id of it.
    pub id: RequestId,
    /// Trace it belongs to.
    pub trace: Option<TraceId>,
    /// The original user; `None` if it names nobody.
    pub subject: Option<NamedSubject>,
    /// The agent, if it is not the caller's own.
    pub agent: Option<Label>,
    /// The system to act on.
    pub tool: Label,
    /// What to do there; `None` if the caller does not say.
    pub target: Option<Target>,
    /// The arguments, as they came.
    pub input: Vec<u8>,
    /// Digest of the tool definition that the caller sees.
    pub definition: Option<Digest>,
}

/// Whoever the caller says the original user is, and on whose word. Nothing of it is checked.
#[derive(Debug)]
pub enum NamedSubject {
    /// On the word of the user's identity provider.
    Token(SubjectToken),
    /// On the caller's own word.
    Asserted(AssertedSubject),
}

/// A subject that nobody has vouched for but the caller.
#[derive(Debug)]
pub struct AssertedSubject {
    /// Who it is.
    pub subject: Subject,
    /// Its groups at the identity provider.
    pub groups: Vec<String>,
}

/// The caller's id of a request: 1 to 128 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

/// A W3C trace id: 32 lower-case hexadecimal digits, not all zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceId(String);

/// A name that the policy may or may not know: at most 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

/// A text is longer or otherwise than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// It has to say something.
    #[error("is empty")]
    Empty,
    /// It is too long.
    #[error("has more than {0} bytes")]
    TooLong(usize),
    /// It is not printable ASCII.
    #[error("is not printable ASCII")]
    Unprintable,
}

fn bounded(text: &str, most: usize) -> Result<(), OutOfBounds> {
    if text.is_empty() {
        Err(OutOfBounds::Empty)
    } else if text.len() > most {
        Err(OutOfBounds::TooLong(most))
    } else {
        Ok(())
    }
}

impl RequestId {
    /// Makes an id of `text`, which has to be 1 to 128 printable ASCII characters without a space.
    ///
    /// # Errors
    /// [`OutOfBounds`] says what is wrong.
    pub fn new(text: String) -> Result<Self, OutOfBounds> {
        bounded(&text, MAX_REQUEST_ID)?;
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(OutOfBounds::Unprintable)
        }
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TraceId {
    /// Reads the trace id of a `traceparent` header of version 00. Returns `None` for anything else, because a trace is
    /// only a hint.
    #[must_use]
    pub fn of_traceparent(header: &str) -> Option<Self> {
        let mut fields = header.split('-');
        let (version, trace, span, flags) = (
            fields.next()?,
            fields.next()?,
            fields.next()?,
            fields.next()?,
        );
        let hex = |text: &str, length| {
            text.len() == length
                && text
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        // Version 00 has these four fields and no more; what a later one means by them nobody knows yet.
        let whole = version == "00"
            && hex(trace, 32)
            && hex(span, 16)
            && hex(flags, 2)
            && fields.next().is_none();
        let real = trace.bytes().any(|byte| byte != b'0');
        (whole && real).then(|| Self(trace.to_owned()))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Label {
    /// Makes a name of `text`, which has to have 1 to [`MAX_LABEL`] bytes.
    ///
    /// # Errors
    /// [`OutOfBounds`] says what is wrong.
    pub fn new(text: String) -> Result<Self, OutOfBounds> {
        bounded(&text, MAX_LABEL).map(|()| Self(text))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name as text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl AssertedSubject {
    /// Makes a subject in `groups`. `issuer` and `id` have to have 1 to [`MAX_SUBJECT`] bytes each.
    ///
    /// # Errors
    /// [`OutOfBounds`] says what is wrong.
    pub fn new(issuer: String, id: String, groups: Vec<String>) -> Result<Self, OutOfBounds> {
        bounded(&issuer, MAX_SUBJECT)?;
        bounded(&id, MAX_SUBJECT)?;
        Ok(Self {
            subject: Subject { issuer, id },
            groups,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_traceparent_counts() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{trace}-00f067aa0ba902b7-01");
        assert_eq!(
            TraceId::of_traceparent(&good).expect("a trace").as_str(),
            trace
        );
        for bad in [
            "",
            trace,
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceId::of_traceparent(bad), None, "{bad}");
        }
    }

    #[test]
    fn ids_are_short_and_printable() {
        assert!(RequestId::new("5b0e9a3e-6f0a-4c8e-9f2b-0d5a7c1e2f30".into()).is_ok());
        assert_eq!(RequestId::new(String::new()), Err(OutOfBounds::Empty));
        assert_eq!(RequestId::new("a b".into()), Err(OutOfBounds::Unprintable));
        assert_eq!(RequestId::new("a\nb".into()), Err(OutOfBounds::Unprintable));
        assert_eq!(
            RequestId::new("a".repeat(129)),
            Err(OutOfBounds::TooLong(128))
        );
    }
}
