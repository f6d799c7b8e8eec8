//! The wire of Stopgate: the messages, client and server of `stopgate.v1`, generated from the `.proto` files beside
//! this crate and committed, so that building needs no protobuf compiler.
//!
//! These types stop at the doors: code that decides never sees them. An enum number, an unset `oneof` or an
//! unknown case is never a default that opens; whoever reads one treats it as a no.

mod redacted;

/// Package `stopgate.v1`.
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod v1 {
    include!("gen/stopgate.v1.rs");
}

/// The encoded `google.protobuf.FileDescriptorSet` of every file, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/stopgate.v1.bin");
