//! What becomes of the trust root, who is trusted with what before and after, and of the binary that judges.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::bundle::root::RootKey;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::Location;
use stopgate_decide::surface::Risk;
use stopgate_decide::visible::visible;

use super::{Area, Change, Effect, unbound};

/// The trust root of a repository. The workspace reader does not hand it over with the documents.
const TRUST_ROOT: &str = "trust/root.dsse.json";
/// The file that names the binaries which may judge. It is no document either.
const VERSION: &str = ".stopgate-version";
/// Most characters of the version file that are shown: as many as of any value that has changed.
const BINARIES: usize = 600;
/// Digits of a key's fingerprint, as many as its id has where this program made it.
const FINGERPRINT: usize = 16;
/// Most characters of an owner's name.
const OWNER: usize = 60;

/// Returns what becomes of the trust root, from the bytes of its file on both sides; `None` if they are the same. Any
/// difference takes the signature of a change of high risk, because the root says whose signatures count.
#[must_use]
pub fn trust_change(base: Option<&[u8]>, head: Option<&[u8]>) -> Option<Change> {
    let (before, after) = (base.map(Told::read), head.map(Told::read));
    let at = |_: &[u8]| Location {
        file: TRUST_ROOT.into(),
        line: 1,
    };
    let change = (base != head).then(|| Change {
        file: TRUST_ROOT.to_owned(),
        path: String::new(),
        field: String::new(),
        before: before.as_ref().map(|told| told.beside(after.as_ref())),
        after: after.as_ref().map(|told| told.beside(before.as_ref())),
        note: None,
        effect: Effect::Changed,
        area: Area::TrustRoot,
        before_at: base.map(at),
        after_at: head.map(at),
        risk: Risk::High,
        content: unbound(),
    });
    change.map(|change| change.between(base, head))
}

/// Returns what becomes of the file that names the binaries which may judge, from its bytes on both sides; `None` if
/// they are the same. Any difference takes the signature of a change of high risk, because whoever names the judge of
/// the next change decides about all that comes after. The note asks for a change of its own where `others` changed as
/// well: the judge of today would say of them what the judge of tomorrow may see otherwise.
#[must_use]
pub fn version_change(base: Option<&[u8]>, head: Option<&[u8]>, others: bool) -> Option<Change> {
    let told = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        visible(&lines.collect::<Vec<_>>().join("; "), BINARIES)
    };
    let at = |_: &[u8]| Location {
        file: VERSION.into(),
        line: 1,
    };
    let note = if others {
        "another version of stopgate judges the next changes, by its own zone data: put this into a change of its own"
    } else {
        "another version of stopgate judges the next changes, by its own zone data"
    };
    let change = (base != head).then(|| Change {
        file: VERSION.to_owned(),
        path: String::new(),
        field: String::new(),
        before: base.map(told),
        after: head.map(told),
        note: Some(note),
        effect: Effect::Changed,
        area: Area::GuardRails,
        before_at: base.map(at),
        after_at: head.map(at),
        risk: Risk::High,
        content: unbound(),
    });
    change.map(|change| change.between(base, head))
}

/// A trust root in lines.
struct Told {
    digest: Digest,
    /// Or why it is none.
    lines: Result<Vec<String>, String>,
}

impl Told {
    fn read(bytes: &[u8]) -> Self {
        // A root that has expired still says whom it trusted.
        let root = TrustRoot::open(bytes, Timestamp::MIN);
        Self {
            digest: Digest::compute(bytes),
            lines: root
                .map(|root| Self::lines(&root))
                .map_err(|error| error.to_string()),
        }
    }

    fn lines(root: &TrustRoot) -> Vec<String> {
        let statement = root.statement();
        let roles = &statement.roles;
        let mut lines = Vec::new();
        // What a reader may not come to the end of is the least grave.
        let all = [
            ("reviewer", roles.reviewer.as_ref()),
            ("root", Some(&roles.root)),
            ("publisher", Some(&roles.publisher)),
            ("stop", roles.stop.as_ref()),
            ("timestamp", roles.timestamp.as_ref()),
        ];
        for (name, role) in all {
            let Some(role) = role else {
                continue;
            };
            lines.push(format!("{name} needs {} signatures", role.threshold));
            if let Some(high) = role.threshold_high {
                lines.push(format!("{name} needs {high} signatures at risk high"));
            }
            let keys = role.keys.iter().filter_map(|id| statement.keys.get(id));
            lines.extend(keys.map(|key| format!("{name} {}", person(key))));
        }
        let versions = statement.versions.iter();
        lines.extend(
            versions.map(|(channel, version)| {
                format!("channel {channel} goes on from version {version}")
            }),
        );
        lines.push(format!("version {}", statement.version));
        lines.push(format!("valid until {}", statement.expires));
        lines
    }

    /// Prints what this root says and `other` does not.
    fn beside(&self, other: Option<&Self>) -> String {
        let digest = self.digest;
        let lines = match &self.lines {
            Ok(lines) => lines,
            Err(why) => return format!("{why} ({digest})"),
        };
        let known = other.and_then(|other| other.lines.as_ref().ok());
        // Lines are compared as text: whoever is in both has the same fingerprint, name and role in both.
        let is_new = |line: &&String| known.is_none_or(|known| !known.contains(line));
        let new: Vec<&str> = lines.iter().filter(is_new).map(String::as_str).collect();
        match (new.is_empty(), known) {
            (false, _) => new.join("; "),
            (true, Some(known)) if known.len() == lines.len() => {
                format!("the same keys and roles, written or signed otherwise ({digest})")
            }
            (true, _) => "nothing that the other has not".to_owned(),
        }
    }
}

/// Prints who holds a key, such as `93be01c2d3e4f506 "ana"`. The fingerprint is of the key itself and the name is what
/// the root says; no name can be made to look like an entry of its own.
fn person(key: &RootKey) -> String {
    let raw = STANDARD.decode(&key.public).unwrap_or_default();
    let fingerprint: String = Digest::compute(&raw)
        .hex()
        .chars()
        .take(FINGERPRINT)
        .collect();
    // Quotes and semicolons separate entries in what is shown, so a name has none.
    let name = visible(&key.owner, OWNER).replace(['"', ';'], "?");
    format!("{fingerprint} \"{name}\"")
}
