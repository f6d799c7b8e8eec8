//! The store in a table: every promise of a store, kept by DynamoDB Local, and every way in which a service can fail, told
//! by a server that answers as a script says.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what the tests share fails as they do"
)]

mod engine;
mod fake;
mod faults;
mod local;
mod table;

use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};

/// Returns the configuration of a client of the server at a port of this machine.
fn config(port: u16) -> SdkConfig {
    config_at(&format!("http://127.0.0.1:{port}"))
}

/// Returns the configuration of a client of the server at `endpoint`.
fn config_at(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .endpoint_url(endpoint)
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
