//! Every bound that protects the sidecar from those who use it, and why it is this number: what a caller, a prober, a token
//! or a file can make it hold, wait for or compute. No configuration lifts one.

/// Bytes of record that all callers together may cause in a second, where a caller's table says nothing else: more than two
/// processors can decide. Each has an equal part.
pub const RECORD_BYTES_PER_SECOND: u64 = 64 * 1024 * 1024;

/// Least part of a caller, however many there are: some 700 records in a second.
pub const LEAST_RECORD_BYTES_PER_SECOND: u64 = 1024 * 1024;

/// Largest configuration file, in bytes: thousands of callers.
pub const MAX_CONFIGURATION_BYTES: u64 = 1024 * 1024;
