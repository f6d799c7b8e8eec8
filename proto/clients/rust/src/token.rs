//! The user's token on its way into an attempt. It is a bearer secret, so it has no way to be printed.

use std::fmt;

use stopgate_proto::v1::attempt::Subject;

/// A user's signed token (JWT), as the identity provider gave it.
///
/// ```
/// use stopgate_client::{SubjectToken, wire};
///
/// let token = SubjectToken::new("eyJhbGciOiJFUzI1NiJ9.e30.c2ln");
/// assert_eq!(format!("{token:?} {token}"), "*** ***");
/// let attempt = wire::Attempt {
///     subject: Some(token.into()),
///     ..wire::Attempt::default()
/// };
/// # let _ = attempt;
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SubjectToken(String);

impl SubjectToken {
    /// Makes a subject's token of the text `token`, whatever it is; the sidecar judges it.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }
}

impl fmt::Debug for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<SubjectToken> for Subject {
    fn from(SubjectToken(token): SubjectToken) -> Self {
        Self::SubjectToken(token)
    }
}
