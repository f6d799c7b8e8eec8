//! Asks a Stopgate sidecar before an action. Whatever is not a clear permit is a no.
//!
//! ```no_run
//! # async fn example(request: stopgate_client::wire::DecideRequest, mut result: serde_json::Value) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use stopgate_client::{Client, Verdict};
//!
//! let client = Client::connect("/run/stopgate/sidecar.sock".as_ref()).await?;
//! match client.decide(request, Duration::from_millis(250)).await {
//!     Verdict::Permit(permit) => {
//!         // Act, then do what the permit obliges to before anyone reads the result.
//!         permit.apply(&mut result)?;
//!     }
//!     Verdict::Route(route) => println!("collect first: {:?}", route.needs()),
//!     Verdict::No(no) => println!("do not act: {no}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! There is no retry and no default in here: a caller that got no answer asks again or does not act.

mod obligation;
mod token;
mod verdict;

use std::path::Path;
use std::time::Duration;

pub use obligation::{MARKER, NotApplied, Obligation, Target, UnknownObligation, apply};
pub use stopgate_proto::v1 as wire;
pub use token::SubjectToken;
pub use verdict::{Explanation, Level, Need, No, Permit, Route, Unclear, Verdict};

use stopgate_proto::v1::enforcement_service_client::EnforcementServiceClient;
use tonic::transport::{Channel, Endpoint};

/// A connection to one sidecar. Cheap to clone; it reconnects by itself, and each call fails closed meanwhile.
#[derive(Debug, Clone)]
pub struct Client {
    service: EnforcementServiceClient<Channel>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The path is not UTF-8.
    #[error("the socket's path is not UTF-8")]
    Path,
    /// Nothing answers there.
    #[error("cannot connect to the sidecar")]
    Transport(#[source] tonic::transport::Error),
}

impl Client {
    /// Connects to the Unix socket at `socket`.
    ///
    /// # Errors
    /// [`ConnectError`] when the path cannot be used or nothing listens there.
    pub async fn connect(socket: &Path) -> Result<Self, ConnectError> {
        let path = socket.to_str().ok_or(ConnectError::Path)?;
        let endpoint =
            Endpoint::from_shared(format!("unix:{path}")).map_err(ConnectError::Transport)?;
        let channel = endpoint.connect().await.map_err(ConnectError::Transport)?;
        Ok(Self {
            service: EnforcementServiceClient::new(channel),
        })
    }

    /// Asks for one decision and waits at most `deadline` for it.
    ///
    /// Asking never fails: an answer that is late, missing, malformed, about another request or not fully understood is
    /// a [`Verdict::No`] that says which.
    pub async fn decide(&self, request: wire::DecideRequest, deadline: Duration) -> Verdict {
        let request_id = request.request_id.clone();
        let mut service = self.service.clone();
        match tokio::time::timeout(deadline, service.decide(request)).await {
            Ok(Ok(response)) => Verdict::read(&request_id, response.into_inner()),
            Ok(Err(status)) => Verdict::No(No::from(&status)),
            Err(_) => Verdict::No(No::Deadline),
        }
    }

    /// Asks what the sidecar enforces right now and waits at most `deadline` for the answer.
    ///
    /// # Errors
    /// [`No::Status`] or [`No::Deadline`] when there is no answer.
    pub async fn status(&self, deadline: Duration) -> Result<wire::GetStatusResponse, No> {
        let mut service = self.service.clone();
        match tokio::time::timeout(deadline, service.get_status(wire::GetStatusRequest {})).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(No::from(&status)),
            Err(_) => Err(No::Deadline),
        }
    }
}
