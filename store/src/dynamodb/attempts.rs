//! How long a call may take, how often it is attempted, and what an attempt that failed leaves open.

use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use tokio::time::{sleep, timeout};

/// How long a connection may take to be made.
pub(super) const CONNECT: Duration = Duration::from_secs(1);

/// How long one attempt may take that sends little, and all attempts of an operation together.
const ATTEMPT: Duration = Duration::from_secs(1);
const OPERATION: Duration = Duration::from_secs(2);

/// What a slow line sends in a second: for each such part that is sent, an attempt and its operation have a second more.
const BYTES_A_SECOND: usize = 1 << 20;

/// Most attempts after the first.
const RETRIES: u32 = 2;

/// The first pause between two attempts; each further one is twice as long, up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// Longest text of a service that a message repeats, in characters.
const LONGEST_TEXT: usize = 400;

/// What DynamoDB answers when it is asked too much for now.
const THROTTLED: [&str; 5] = [
    "ProvisionedThroughputExceededException",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingException",
    "ThrottlingError",
];

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    attempt: Duration,
    /// Of all attempts and pauses.
    pub(super) operation: Duration,
}

impl Deadlines {
    /// Returns the deadlines of a call that sends so many `bytes` of items.
    pub(super) fn new(bytes: usize) -> Self {
        let more = u32::try_from(bytes.div_ceil(BYTES_A_SECOND)).unwrap_or(u32::MAX);
        // What fits one part is on its way at once.
        let more = Duration::from_secs(u64::from(more.saturating_sub(1)));
        Self {
            attempt: ATTEMPT.saturating_add(more),
            operation: OPERATION.saturating_add(more),
        }
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{text}")]
pub(super) struct Failed {
    text: String,
    /// Whether another attempt may succeed.
    may_pass: bool,
    /// Whether what was asked may have been done all the same, or may yet be.
    in_doubt: bool,
}

impl Failed {
    /// Makes the failure of an answer that says no, so that nothing was done.
    pub(super) fn refused(text: &str, may_pass: bool) -> Self {
        Self {
            text: printable(text),
            may_pass,
            in_doubt: false,
        }
    }

    /// Makes the failure of an attempt after which nobody knows what was done.
    pub(super) fn unknown(text: &str) -> Self {
        Self {
            text: printable(text),
            may_pass: true,
            in_doubt: true,
        }
    }

    /// Makes the failure of an answer that is not one that DynamoDB gives.
    pub(super) fn garbled() -> Self {
        Self::unknown("the answer does not say what it consumed, so DynamoDB did not give it")
    }

    /// Judges what the SDK says.
    pub(super) fn from_sdk<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        if let SdkError::ServiceError(answer) = error {
            let meta = answer.err().meta();
            let status = answer.raw().status().as_u16();
            // What does not name its error is not from DynamoDB: who knows what came of the request.
            let Some(code) = meta.code() else {
                return Self::unknown(&format!("status {status}, and no error that DynamoDB has"));
            };
            let text = match meta.message() {
                Some(message) => format!("{code}: {message}"),
                None => code.to_owned(),
            };
            // An earlier attempt with the same token is still at work.
            let running = code == "TransactionInProgressException";
            return if running || status >= 500 {
                Self::unknown(&text)
            } else {
                Self::refused(&text, is_throttled(code))
            };
        }
        // What could not be made was not sent.
        if matches!(error, SdkError::ConstructionFailure(_)) {
            Self::refused(&chain(error), false)
        } else {
            Self::unknown(&chain(error))
        }
    }
}

/// Returns whether a code says that the service is asked too much for now.
pub(super) fn is_throttled(code: &str) -> bool {
    THROTTLED.contains(&code)
}

/// Returns the text of an error and of all behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Returns a text that may stand in a message, whoever wrote it.
fn printable(text: &str) -> String {
    // Neither what a terminal obeys nor what turns the text around.
    let shown = |c: char| matches!(c, ' '..='~') || c.is_alphanumeric();
    let text = text.chars().map(|c| if shown(c) { c } else { ' ' });
    text.take(LONGEST_TEXT).collect()
}

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ended<T> {
    pub(super) result: Result<T, Failed>,
    /// Whether an attempt before the last one may have done what was asked, or may yet.
    pub(super) was_in_doubt: bool,
}

/// Attempts what `attempt` makes until it succeeds, fails for good, or its time is up.
pub(super) async fn attempts<T, A>(deadlines: Deadlines, mut attempt: impl FnMut() -> A) -> Ended<T>
where
    A: Future<Output = Result<T, Failed>>,
{
    let mut was_in_doubt = false;
    let mut last = silence(deadlines.attempt);
    let tries = async {
        for retry in 0..=RETRIES {
            if retry > 0 {
                pause(retry).await;
            }
            // Until it says otherwise: the operation may end in the middle of it.
            let before = std::mem::replace(&mut last, silence(deadlines.attempt));
            was_in_doubt |= retry > 0 && before.in_doubt;
            match timeout(deadlines.attempt, attempt()).await {
                Ok(Ok(done)) => return Some(done),
                Ok(Err(failed)) => last = failed,
                Err(_) => {}
            }
            if !last.may_pass {
                break;
            }
        }
        None
    };
    let done = timeout(deadlines.operation, tries).await;
    Ended {
        result: done.ok().flatten().ok_or(last),
        was_in_doubt,
    }
}

/// Makes the failure of an attempt without an answer.
fn silence(deadline: Duration) -> Failed {
    Failed::unknown(&format!("no answer within {} s", deadline.as_secs()))
}

/// Waits before the attempt with this number, a time that differs between callers who failed together.
pub(super) async fn pause(retry: u32) {
    let longest = PAUSE.saturating_mul(1 << retry.min(8)).min(LONGEST_PAUSE);
    let mut random = [0];
    // Without randomness the pause is only less spread.
    let [share] = aws_lc_rs::rand::fill(&mut random).map_or([0], |()| random);
    // Between half of it and all of it.
    let half = longest.div_f32(2.0);
    sleep(half.saturating_add(half.mul_f32(f32::from(share) / 255.0))).await;
}
