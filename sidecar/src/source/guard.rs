//! Places that decisions rest on but that nothing is read from again: the socket, the state directory, the
//! configuration. Somebody who becomes able to replace one of them is noticed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::FileType;

use super::{Kind, Looker, SourceName, Stopped, Walked, chain, walk};
use crate::metrics::Metrics;

/// Looks at who could replace one place. [`Guard::run`] never ends by itself.
#[derive(Debug)]
pub struct Guard {
    source: SourceName,
    path: PathBuf,
    kind: Kind,
    deadline: Duration,
    looker: Looker,
    metrics: Arc<Metrics>,
    /// What was said about it last.
    told: Option<String>,
}

impl Guard {
    /// Makes a guard of what is at `path`, which has not looked yet. A look of the guard has failed after `deadline`.
    #[must_use]
    pub fn new(
        source: SourceName,
        path: PathBuf,
        kind: Kind,
        deadline: Duration,
        metrics: &Arc<Metrics>,
    ) -> Self {
        metrics.sources.expect(source.clone());
        Self {
            source,
            path,
            kind,
            deadline,
            looker: Looker::new("look-place"),
            metrics: Arc::clone(metrics),
            told: None,
        }
    }

    /// Looks again and again, with `poll` in between. The loop never ends by itself.
    pub async fn run(mut self, poll: Duration) {
        loop {
            self.look().await;
            tokio::time::sleep(poll).await;
        }
    }

    async fn look(&mut self) {
        let (path, kind) = (self.path.clone(), self.kind);
        let walked = self.looker.look(self.deadline, move || walk(&path, kind));
        let problem = match walked.await {
            // Nobody else can replace it, and it is still what was put there.
            Ok(Ok(walked)) if is_there(&walked, kind) => {
                let now = Timestamp::now();
                self.metrics.sources.succeeded(&self.source, now);
                self.told = None;
                return;
            }
            Ok(Ok(walked)) => format!("{} is gone or is another thing", walked.path.display()),
            Ok(Err(stopped)) => {
                if let Stopped::Replaceable(replaceable) = &stopped
                    && self.told.is_none()
                {
                    replaceable.tell();
                }
                chain(&stopped)
            }
            Err(missed) => missed.to_string(),
        };
        self.metrics.sources.failed(&self.source);
        if self.told.as_ref() != Some(&problem) {
            let what = self.source.kind();
            tracing::error!(what, %problem, "nobody can say any more that this is ours");
            self.told = Some(problem);
        }
    }
}

/// Returns whether what the walk found is of the kind that was put there. A walk that found nothing is no success,
/// although nobody can replace what is not there.
fn is_there(walked: &Walked, kind: Kind) -> bool {
    let wanted = match kind {
        Kind::File => FileType::RegularFile,
        Kind::Folder => FileType::Directory,
        Kind::Place => FileType::Socket,
    };
    let found = walked.found.as_ref();
    found.is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == wanted)
}
