//! `stopgate drift`: whether everything runs what git says, once or for as long as somebody watches.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;
use stopgate_decide::bundle::TrustRoot;
use stopgate_decide::digest::Digest;
use stopgate_decide::name::ChannelName;
use stopgate_decide::supply::StopInForce;
use stopgate_store::{Items, Policies, StoreAddress};

use crate::build::digest;
use crate::drift::{Reference, Sameness, head};
use crate::reader::committed;

use super::console::{CommandAnswer, Console, Failure, Format};
use super::duration::duration;
use super::exit::Exit;
use super::publish::no_root;
use super::repository::{Checked, Repository};
use super::sign::own_root;

/// Between two looks at what may still be coming to the same.
const PAUSE: Duration = Duration::from_millis(300);

/// Whoever watches hears of a difference within a minute.
const LONGEST_WATCH: Duration = Duration::from_secs(60);

/// Whether everything runs what git says
///
/// Compares what a commit makes with what the channel has, verified down to the last byte as a sidecar verifies it, the trust root
/// that sidecars come to, the rows that people read, its timestamp, its stops, and each sidecar. Each of them is the same,
/// different, or could not be looked at, which is never called the same. A sidecar that is behind has some seconds to come to
/// what was published or stopped just now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate drift policies --channel prod --store dir:channels
  stopgate drift policies --channel prod --store dir:channels --sidecar /run/stopgate/erp.sock --sidecar /run/stopgate/hr.sock
  stopgate drift policies --channel prod --store dir:channels --sidecar /run/stopgate/erp.sock --watch 30s

Exits 0 when everything is the same, 1 when something could not be looked at, 2 when the files are not what was committed, 3
when the policy is invalid, 7 when anything is different, 8 when the repository's trust root is none. With --watch it goes on
until it is ended, and says what it found whenever that changes.")]
pub(super) struct Args {
    #[command(flatten)]
    repository: Repository,
    #[command(flatten)]
    places: Places,
    /// Revision that should be in force, read from git; left out: HEAD, if the files are exactly that
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Look again and again, with this time in between, a minute at most
    #[arg(long, value_name = "TIME", value_parser = watch)]
    watch: Option<Duration>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// Where a channel is, and who follows it.
#[derive(Debug, clap::Args)]
pub(super) struct Places {
    /// Channel that is looked at
    #[arg(long, value_name = "NAME")]
    channel: ChannelName,
    /// Where channels are: dir:FOLDER or dynamodb:TABLE
    #[arg(long, value_name = "STORE")]
    store: StoreAddress,
    /// Socket of a sidecar; repeat it for several
    #[arg(long = "sidecar", value_name = "SOCKET")]
    sidecars: Vec<PathBuf>,
    /// How long a sidecar that is behind has to come to what the channel has
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    wait: Duration,
}

/// What should be in force: the trust root, and what a commit makes, if one is compared.
pub(super) struct Intended {
    /// The bundle, and which revision makes it.
    pub(super) commit: Option<(Digest, String)>,
    pub(super) root: TrustRoot,
    /// The root of the commit, and its file.
    pub(super) own_root: (TrustRoot, Vec<u8>),
}

/// What was looked at, where it is, and what that came to.
#[derive(PartialEq, Eq)]
pub(super) struct DriftLook {
    what: &'static str,
    place: String,
    sameness: Sameness,
}

fn watch(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    let is_short = time <= LONGEST_WATCH;
    is_short.then_some(time).ok_or_else(|| {
        format!("`{text}` is more than a minute: a difference is to be heard of before")
    })
}

pub(super) fn run(args: &Args, console: &Console) -> Result<CommandAnswer, Failure> {
    let Some(pause) = args.watch else {
        let looks = args.places.looks(&wanted(args, console)?, console)?;
        return args.places.answer("drift", args.format, &looks);
    };
    let mut told = None;
    loop {
        // The commit too: what should be in force changes while somebody watches.
        match wanted(args, console).and_then(|wanted| args.places.looks(&wanted, console)) {
            Ok(looks) => {
                // Which words a verdict has may change with the time of day.
                let verdicts: Vec<_> = looks.iter().map(DriftLook::verdict).collect();
                if told.as_ref() != Some(&verdicts) {
                    console.progress(format_args!("at {:.0}", Timestamp::now()));
                    args.places.answer("drift", args.format, &looks)?.deliver();
                    told = Some(verdicts);
                }
            }
            Err(failure) => {
                failure.deliver("drift", Format::Text);
                told = None;
            }
        }
        thread::sleep(pause);
    }
}

fn wanted(args: &Args, console: &Console) -> Result<Intended, Failure> {
    let read = committed(&args.repository.dir, args.rev.as_deref())?;
    let checked = Checked::compile(read, console);
    let root = own_root(&checked.trust)?.ok_or_else(no_root)?;
    let root_file = checked.trust.root.clone().unwrap_or_default();
    let valid = checked.valid("drift", args.format, console)?;
    let commit = (digest(&valid.policy)?, valid.source.to_string());
    Ok(args.places.newest(root, root_file, Some(commit)))
}

impl Places {
    /// Goes on from `root`, which was read from `file`, to the newest that the store has: sidecars go by that.
    pub(super) fn newest(
        &self,
        root: TrustRoot,
        file: Vec<u8>,
        commit: Option<(Digest, String)>,
    ) -> Intended {
        // Without a store nothing is looked at, and that is said then.
        let newer = self.store.open().ok();
        let newer = newer.and_then(|store| Policies::new(store).newer_roots(&root).0.pop());
        let newer = newer.map(|newest| (newest.trust, newest.file));
        let newest = newer.unwrap_or_else(|| (root.clone(), file.clone()));
        // What a commit says is compared; a copy of the root is only where to begin.
        let own_root = match commit {
            Some(_) => (root, file),
            None => newest.clone(),
        };
        Intended {
            commit,
            root: newest.0,
            own_root,
        }
    }

    /// Looks at everything, and again as long as something may still come to be the same.
    pub(super) fn looks(
        &self,
        wanted: &Intended,
        console: &Console,
    ) -> Result<Vec<DriftLook>, Failure> {
        let policies = match self.store.open() {
            Ok(store) => Policies::new(store),
            Err(error) => {
                let sameness = Sameness::Unknown(error.to_string());
                return Ok(vec![look("store", self.store.to_string(), sameness)]);
            }
        };
        let began = Instant::now();
        loop {
            let (reference, mut looks) = self.once(wanted, &policies)?;
            let Some(reference) = reference else {
                return Ok(looks);
            };
            let is_over = began.elapsed() >= self.wait;
            // What was read one after the other says nothing of each other if somebody has published in between.
            let has_moved = reference.has_moved(&policies, &wanted.root);
            let is_behind = looks.iter().any(|look| {
                look.what == "sidecar" && matches!(look.sameness, Sameness::Different(_))
            });
            if is_over && has_moved {
                for look in &mut looks {
                    look.in_doubt();
                }
            }
            if is_over || !(has_moved || is_behind) {
                return Ok(looks);
            }
            console.detail(format_args!("something is on its way: looking again"));
            thread::sleep(PAUSE);
        }
    }

    /// Looks once at the channel and all that follows it.
    fn once<S: Items>(
        &self,
        wanted: &Intended,
        policies: &Policies<S>,
    ) -> Result<(Option<Reference>, Vec<DriftLook>), Failure> {
        let root = &wanted.root;
        let (reference, sameness) = head(policies, &self.channel, root);
        let mut looks = vec![look("store", self.store.to_string(), sameness)];
        let Some(reference) = reference else {
            return Ok((None, looks));
        };
        let now = Timestamp::now();
        let place = || self.channel.to_string();
        if let Some((bundle, commit)) = &wanted.commit {
            let sameness = reference.beside_commit(*bundle);
            looks.insert(0, look("git", commit.clone(), sameness));
        }
        let (own, file) = &wanted.own_root;
        let roots = reference.beside_root(policies, (own, file));
        looks.push(look("root", place(), roots));
        looks.push(look("rows", place(), reference.beside_rows(policies)));
        let timestamp = reference.beside_timestamp(policies, root, now);
        looks.push(look("timestamp", place(), timestamp));
        let (stops, sameness) = reference.beside_stops(policies, root, now);
        looks.push(look("stops", place(), sameness));
        looks.extend(self.sidecars(&reference, root, &stops)?);
        Ok((Some(reference), looks))
    }

    /// Makes the answer of `command`.
    pub(super) fn answer(
        &self,
        command: &str,
        format: Format,
        looks: &[DriftLook],
    ) -> Result<CommandAnswer, Failure> {
        let exit = exit(looks);
        match format {
            Format::Json => {
                let looks = looks.iter().map(DriftLook::json).collect::<Vec<_>>();
                let body = json!({"channel": self.channel, "looks": looks});
                CommandAnswer::json(command, exit, body)
            }
            Format::Text => {
                let mut text = String::new();
                for look in looks {
                    let (word, told) = look.said();
                    let DriftLook { what, place, .. } = look;
                    let _always_fits = writeln!(text, "{word:<9}  {what} {place}: {told}");
                }
                Ok(CommandAnswer::text(exit, text))
            }
        }
    }

    /// Asks one sidecar after the other; each has some seconds.
    fn sidecars(
        &self,
        reference: &Reference,
        root: &TrustRoot,
        stops: &[StopInForce],
    ) -> Result<Vec<DriftLook>, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::failed)?;
        runtime.block_on(async {
            let mut looks = Vec::new();
            for socket in &self.sidecars {
                let place = socket.display().to_string();
                let sameness = reference.beside_sidecar(socket, root, stops).await;
                looks.push(look("sidecar", place, sameness));
            }
            Ok(looks)
        })
    }
}

const fn look(what: &'static str, place: String, sameness: Sameness) -> DriftLook {
    DriftLook {
        what,
        place,
        sameness,
    }
}

impl DriftLook {
    /// Returns the word for what the look came to, and what was found.
    fn said(&self) -> (&'static str, &str) {
        match &self.sameness {
            Sameness::Same(told) => ("same", told),
            Sameness::Different(told) => ("different", told),
            Sameness::Unknown(told) => ("unknown", told),
        }
    }

    /// Returns what the look came to, without what changes from look to look: the age of a timestamp.
    fn verdict(&self) -> (&'static str, String, &'static str, Option<String>) {
        let (word, told) = self.said();
        let told = (self.what != "timestamp").then(|| told.to_owned());
        (self.what, self.place.clone(), word, told)
    }

    /// Makes a difference one that nobody can be sure of: the channel was published to meanwhile.
    fn in_doubt(&mut self) {
        if let Sameness::Different(told) = &self.sameness {
            let told = format!("somebody published while this was looked at: {told}");
            self.sameness = Sameness::Unknown(told);
        }
    }

    fn json(&self) -> serde_json::Value {
        let (word, told) = self.said();
        json!({"what": self.what, "place": self.place, "verdict": word, "found": told})
    }
}

/// Returns how the run ends: what differs is worse than what nobody knows.
fn exit(looks: &[DriftLook]) -> Exit {
    let any = |wanted: fn(&Sameness) -> bool| looks.iter().any(|look| wanted(&look.sameness));
    if any(|found| matches!(found, Sameness::Different(_))) {
        Exit::Differs
    } else if any(|found| matches!(found, Sameness::Unknown(_))) {
        Exit::Failed
    } else {
        Exit::Fine
    }
}
