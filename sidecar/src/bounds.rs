//! Every bound that protects the sidecar from those who use it, and why it is this number: what a caller, a prober, a
//! token or a file can make it hold, wait for or compute. No configuration lifts one.
//!
//! What a rhythm is (how often something is looked at or tried again) stands with whatever keeps it. How dear the rules
//! of a bundle may be is the language's: [`stopgate_decide::decide::FEW_STEPS`].

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

// Connections. All callers together can have 64 x 32 = 2,048 requests under way, half as many as records may wait for
// the disk, and can make the sidecar hold 64 x 1.25 MiB = 80 MiB of what they sent and do not read.

/// Most connections at a time, of all callers together; each has its part.
pub const MAX_CONNECTIONS: usize = 64;

/// Fewest connections of a caller, however many callers there are: the one in use, the next one after [`MAX_AGE`] while
/// the first drains, and as much again for a program that is being replaced by its successor.
pub const LEAST_CONNECTIONS: usize = 4;

/// Connections that may wait to be accepted: a queue in which all that can be served come back at once, twice.
pub const BACKLOG: i32 = 128;

/// Most requests under way on one connection. One agent asks one thing at a time, so these are the agents of a program;
/// as many again take another connection.
pub const MAX_STREAMS: u32 = 32;

/// A connection without a request for this long is closed. A stream that only listens, such as one that watches health,
/// is no request. It is longer than agents think between two calls, mostly, and to connect anew costs them a
/// millisecond.
pub const MAX_IDLE: Duration = Duration::from_secs(30);

/// A connection this old is closed; its caller opens another. Who is on the other side is asked when a connection
/// begins, so this is how long an answer to that may be believed.
pub const MAX_AGE: Duration = Duration::from_secs(30 * 60);

/// What is under way on a connection that closes has this long to end. With [`DRAIN`] it makes ten seconds, well within
/// the thirty that are usual between the signals to stop and to die.
pub const GRACE: Duration = Duration::from_secs(5);

/// How long a peer may take for the first bytes of HTTP/2, which no other limit covers. They are 24 and every client
/// sends them at once, so this is patience with a machine that swaps.
pub const GREETING: Duration = Duration::from_secs(3);

/// A peer that is silent for this long is asked whether it is there. It cannot answer in the middle of a frame, so this
/// ends one that sends its headers or its message drop by drop.
pub const KEEPALIVE: Duration = Duration::from_secs(2);

/// How long it has for its answer; the same patience as for its greeting.
pub const KEEPALIVE_ANSWER: Duration = GREETING;

/// Streams that a peer may reset before they were looked at; one more ends its connection. Resetting costs the peer
/// nothing and us a request each, and no client cancels half of what one connection carries within one look.
pub const MAX_PENDING_RESETS: usize = 16;

/// Streams that were reset because of a peer's errors; one more ends its connection. A client that cannot do better
/// has one error on each stream that it may have.
pub const MAX_ERROR_RESETS: usize = 32;

/// Bytes a peer may send ahead on one stream: one whole message with its frames.
pub const STREAM_WINDOW: u32 = 384 * 1024;

/// Bytes a peer may send ahead on all streams together: more than two whole messages, so that a long one holds up no
/// short one, and far fewer than its streams could carry.
pub const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Bytes of answers that wait for a peer that does not read. An answer has some KiB, so those to all streams find room.
pub const MAX_SEND_BUFFER: usize = 256 * KIB;

/// How long to wait when the system gives no connection, such as without file descriptors: not so short that waiting
/// costs a processor, not so long that a caller notices.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

// Requests and probes.

/// Most bytes of a request's headers. Those of a gRPC client have less than 1 KiB; tokens travel in the message.
pub const MAX_HEADER_BYTES: u32 = 16 * 1024;

/// Longest gRPC message, in bytes: the longest input there is (256 KiB), and room for the rest: a token of 16 KiB and
/// some hundred groups.
pub const MAX_MESSAGE_BYTES: usize = 320 * KIB;

/// Longest time from a request's headers to the end of its message. Whoever asks is on this machine, where the longest
/// message takes a millisecond; a message that trickles would hold one of its caller's streams.
pub const RECEIVE_DEADLINE: Duration = Duration::from_millis(100);

/// Most probes at a time. Kubelet and a scraper have two; the others are a reserve against those who open without
/// asking.
pub const MAX_PROBES: usize = 64;

/// Longest time for one probe, from connecting to its last byte. Probers themselves give up after one to ten seconds.
pub const PROBE_DEADLINE: Duration = Duration::from_secs(5);

/// Longest time for a probe's headers, which a prober sends with its first packet.
pub const PROBE_HEADER_DEADLINE: Duration = Duration::from_secs(1);

/// Most bytes of a probe's headers. Those of a scraper have less than 1 KiB.
pub const MAX_PROBE_HEADER_BYTES: usize = 16 * KIB;

/// Most bytes of the kernel's table of connections that are looked at to find who holds the probes' places: some 27,000
/// lines of 150 bytes.
pub const MAX_TABLE_BYTES: u64 = 4 * 1024 * 1024;

/// The table is read so seldom that it takes at most this part of the time: a tenth of one processor.
pub const TABLE_PART_OF_TIME: u32 = 10;

// Attempts.

/// Longest id of a request, in characters: a UUID or a trace id and as much again.
pub const MAX_REQUEST_ID: usize = 128;

/// Longest name of a tool, operation, function or agent that is looked at, in bytes. Those of a policy have 64 at most,
/// and what is misspelt is not four times as long.
pub const MAX_LABEL: usize = 256;

/// Longest issuer or subject id, in bytes. OpenID Connect gives a subject 255; issuers are URLs.
pub const MAX_SUBJECT: usize = 512;

/// Most groups of a subject; more is a rejection. Microsoft's issuer puts 200 into a token and then none, so nobody who
/// has more is known by a token anyway.
pub const MAX_GROUPS: usize = 256;

/// Longest token, in bytes: 256 groups by their UUIDs, in base64, fit.
pub const MAX_TOKEN_BYTES: usize = 16 * KIB;

/// Most tokens whose signature is remembered as checked. Of a user in fifty groups that takes some 4 KiB, so all of
/// them take 16 MiB; a token that finds no room costs a signature check each time.
pub const MAX_CACHED_TOKENS: usize = 4096;

/// Longest time that a token is not looked at again, in seconds. Keys that are withdrawn end an entry at once, whatever
/// its age; this bounds how long a mistake of ours could last.
pub const CACHED_TOKEN_SECONDS: i64 = 60;

/// Most processor time that one attempt may take, from the first byte that is looked at to the policy's answer. Usual
/// ones take some tens of microseconds; the dearest rules that are accepted, 2^25 steps, take some twenty milliseconds.
pub const DECIDE_BUDGET: Duration = Duration::from_millis(50);

/// Decisions of one caller that may take long and wait beside the one under way; one more is told at once. The last of
/// them has its turn after a quarter of a second of processor time, which few callers wait longer for.
pub const WAITING_DECISIONS: usize = 4;

/// Most tools with series of their own in the metrics; the rest count as `other`. A tool has two counters for each
/// answer, so these are some 2,200 series.
pub const MAX_TOOLS: usize = 64;

// Records.

/// Records that may wait for the disk: twice as many as there can be requests under way.
pub const WAITING_RECORDS: usize = 4096;

/// Bytes that may wait for the disk: 4 KiB for each of the [`WAITING_RECORDS`], where a usual record has 1.5 KiB.
pub const WAITING_BYTES: usize = 16 * MIB;

/// Size at which the next file of the log begins, in bytes: some 40,000 records, which a reader goes through in a
/// second.
pub const LOG_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of record that all callers together may cause in a second, where a caller's table says nothing else: more than
/// two processors can decide. Each has an equal part.
pub const RECORD_BYTES_PER_SECOND: u64 = 64 * 1024 * 1024;

/// Least part of a caller, however many there are: some 700 records in a second.
pub const LEAST_RECORD_BYTES_PER_SECOND: u64 = 1024 * 1024;

/// For how many seconds a caller that was silent may exceed its bytes in a second: a batch that begins is no flood.
pub const BURST: u64 = 2;

/// How long the end of the log waits for decisions. They take milliseconds; a disk may take longer, but does not count
/// here.
pub const DRAIN: Duration = Duration::from_secs(5);

// Files that others put in place. What of a bundle is read before its signature holds is the language's to bound.

/// Largest configuration file, in bytes: thousands of callers.
pub const MAX_CONFIGURATION_BYTES: u64 = 1024 * 1024;

/// Longest trust root, in bytes: thousands of keys, where ten are many.
pub const MAX_ROOT_BYTES: u64 = 1024 * 1024;

/// Longest key set, in bytes: more than a hundred of the longest RSA keys, where issuers publish five.
pub const MAX_JWKS_BYTES: usize = 256 * KIB;

/// Longest time that loading a verified bundle may take. It waits for nobody, and 10,000 rules take a third of a
/// second, so this only ends what would never end.
pub const LOAD_DEADLINE: Duration = Duration::from_secs(300);

/// Links on the way to one file, as many as the kernel follows.
pub const MAX_LINKS: usize = 40;

#[cfg(test)]
mod tests {
    use stopgate_decide::attempt::INPUT_LIMITS;

    use super::*;

    /// What one bound says of another above.
    #[test]
    fn bounds_that_rest_on_each_other_agree() {
        let streams = usize::try_from(MAX_STREAMS).expect("few");
        assert_eq!(2 * MAX_CONNECTIONS * streams, WAITING_RECORDS);
        assert_eq!(WAITING_BYTES / WAITING_RECORDS, 4 * KIB);
        assert!(MAX_ERROR_RESETS == streams && MAX_PENDING_RESETS < streams);
        assert_eq!(usize::try_from(BACKLOG).expect("few"), 2 * MAX_CONNECTIONS);
        let window = usize::try_from(STREAM_WINDOW).expect("few");
        assert!((MAX_MESSAGE_BYTES..2 * MAX_MESSAGE_BYTES).contains(&window));
        assert!(usize::try_from(CONNECTION_WINDOW).expect("few") > 2 * window);
        let groups = MAX_GROUPS * "\"5b0e9a3e-6f0a-4c8e-9f2b-0d5a7c1e2f30\",".len();
        assert!(groups * 4 / 3 < MAX_TOKEN_BYTES);
        const { assert!(INPUT_LIMITS.bytes + MAX_TOKEN_BYTES < MAX_MESSAGE_BYTES) };
        assert!(GRACE + DRAIN < Duration::from_secs(30) / 2);
    }
}
