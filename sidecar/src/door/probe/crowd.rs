//! Probes that wait for their answer. A probe takes a millisecond; one that says nothing holds a place. So when all
//! places are taken, the next probe gets that of the user who holds the most, the oldest first: whoever opens
//! connections without end pushes out its own.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use crate::bounds::{MAX_TABLE_BYTES, TABLE_PART_OF_TIME};

/// The state of a connection that stands, in the kernel's table.
const ESTABLISHED: &str = "01";

/// The probes under way, in the order in which they came.
#[derive(Debug)]
pub(super) struct Crowd {
    most: usize,
    /// Where they connect to.
    address: SocketAddr,
    probes: Vec<(SocketAddr, AbortHandle)>,
    owners: HashMap<SocketAddr, u32>,
    /// When the kernel may be asked again.
    ask: Instant,
}

impl Crowd {
    /// Makes places for `most` probes of `address`.
    pub(super) fn new(most: usize, address: SocketAddr) -> Self {
        Self {
            most,
            address,
            probes: Vec::new(),
            owners: HashMap::new(),
            ask: Instant::now(),
        }
    }

    /// Makes room for one more probe, by ending another if no place is free.
    pub(super) fn make_room(&mut self) {
        self.probes.retain(|(_, probe)| !probe.is_finished());
        while self.probes.len() >= self.most {
            self.ask_for_owners();
            let owners: Vec<Option<u32>> = self
                .probes
                .iter()
                .map(|(peer, _)| self.owners.get(peer).copied())
                .collect();
            let (_, probe) = self.probes.remove(victim(&owners));
            probe.abort();
        }
    }

    /// Puts `probe`, which comes from `peer`, in the place that was made.
    pub(super) fn enter(&mut self, peer: SocketAddr, probe: AbortHandle) {
        self.probes.push((peer, probe));
    }

    fn ask_for_owners(&mut self) {
        // Whoever opens connections without end must not make this read the table without end. In between the owners of
        // the last time count, and who came since is one of the unknown.
        let begun = Instant::now();
        if begun >= self.ask {
            let name = if self.address.is_ipv4() {
                "tcp"
            } else {
                "tcp6"
            };
            self.owners = table(name)
                .map(|table| owners(&table, self.address))
                .unwrap_or_default();
            let took = begun.elapsed().max(Duration::from_millis(1));
            self.ask = begun + took * TABLE_PART_OF_TIME;
        }
    }
}

/// Returns the index of the probe that has to go, where `owners` are the probes' owners, the oldest probe first: the
/// oldest probe of the owner who holds the most. Probes that nobody is known to own are those of one more owner.
fn victim(owners: &[Option<u32>]) -> usize {
    let held = |of: &Option<u32>| owners.iter().filter(|owner| *owner == of).count();
    // The oldest of the biggest holder: of two who hold as many, the one that began first.
    let most = owners.iter().map(held).max().unwrap_or(0);
    owners
        .iter()
        .position(|owner| held(owner) == most)
        .unwrap_or(0)
}

/// Reads the kernel's table of connections called `name`, or as much of it as is looked at. Returns `None` if the table
/// cannot be read.
fn table(name: &str) -> Option<String> {
    let mut table = String::new();
    let file = fs::File::open(format!("/proc/self/net/{name}")).ok()?;
    file.take(MAX_TABLE_BYTES).read_to_string(&mut table).ok()?;
    Some(table)
}

/// Returns the users of the connections to `to` that stand in `table`, by the addresses that they connect from.
fn owners(table: &str, to: SocketAddr) -> HashMap<SocketAddr, u32> {
    let row = |line: &str| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let (from, reaches, state) = (columns.next()?, columns.next()?, columns.next()?);
        if state != ESTABLISHED || address(reaches)? != to {
            return None;
        }
        // Queues, timers and resends come first.
        let uid = columns.nth(3)?.parse().ok()?;
        Some((address(from)?, uid))
    };
    table.lines().filter_map(row).collect()
}

/// Reads an address as the kernel writes it: words of 32 bits in the machine's own order of bytes, a colon, the port.
/// Returns `None` for anything else.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = address.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
    };
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, to) in bytes.chunks_exact_mut(4).enumerate() {
                to.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t27_who_holds_the_most_probes_loses_its_oldest() {
        let (one, two) = (Some(1000), Some(1001));
        assert_eq!(victim(&[two, one, one, two, one]), 1);
        assert_eq!(victim(&[two, None, one, None]), 1);
        assert_eq!(victim(&[one, two]), 0);
        assert_eq!(victim(&[two]), 0);
    }

    #[test]
    fn the_kernel_says_whose_a_connection_is() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let to = listener.local_addr().expect("an address");
        let held: Vec<_> = (0..3)
            .map(|_| std::net::TcpStream::connect(to).expect("a connection"))
            .collect();
        let found = owners(&table("tcp").expect("a table"), to);
        let own = rustix::process::getuid().as_raw();
        for stream in &held {
            let from = stream.local_addr().expect("an address");
            assert_eq!(found.get(&from), Some(&own));
        }
        assert_eq!(found.len(), held.len());
    }

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let word = |octets: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(octets));
        let v4 = format!("{}:1F90", word([127, 0, 0, 1]));
        assert_eq!(address(&v4), "127.0.0.1:8080".parse().ok());
        let v6 = [[0; 4], [0; 4], [0; 4], [0, 0, 0, 1]].map(word).concat() + ":01BB";
        assert_eq!(address(&v6), "[::1]:443".parse().ok());
        for wrong in ["", "local_address", "0100007F", "0100007F:x", "01:01BB"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
