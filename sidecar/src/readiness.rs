//! Whether attempts are decided right now, for health checks and probes. It is a view: nothing is decided from it.

use tokio::sync::watch;

use crate::audit::Health;
use crate::follow::Supply;

/// Whether attempts are decided, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Readiness {
    /// A verified bundle is in force and the log takes records.
    Ready,
    /// No verified bundle is in force.
    NoBundle,
    /// The log takes no records.
    LogUnwritable,
    /// The sidecar is going away.
    Draining,
}

impl Readiness {
    /// Returns the word for the readiness in `/readyz`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NoBundle => "no_bundle",
            Self::LogUnwritable => "log_unwritable",
            Self::Draining => "draining",
        }
    }
}

/// The watches that readiness is a view of.
#[derive(Debug, Clone)]
pub struct State {
    /// The policy in force.
    pub supply: watch::Receiver<Supply>,
    /// Whether the log takes records.
    pub log: watch::Receiver<Health>,
    /// Whether the sidecar is going away.
    pub draining: watch::Receiver<bool>,
}

impl State {
    /// Returns whether attempts are decided right now, and if not, why.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        // What an operator can do least about comes first: who goes away need not be mended.
        if *self.draining.borrow() {
            Readiness::Draining
        } else if self.supply.borrow().active.is_none() {
            Readiness::NoBundle
        } else if !self.log_writable() {
            Readiness::LogUnwritable
        } else {
            Readiness::Ready
        }
    }

    /// Returns whether the log takes records.
    #[must_use]
    pub fn log_writable(&self) -> bool {
        matches!(*self.log.borrow(), Health::Writable)
    }

    /// Waits until something may have changed, and returns `false` when nothing can change any more.
    pub async fn changed(&mut self) -> bool {
        let Self {
            supply,
            log,
            draining,
        } = self;
        tokio::select! {
            changed = supply.changed() => changed.is_ok(),
            changed = log.changed() => changed.is_ok(),
            changed = draining.changed() => changed.is_ok(),
        }
    }
}
