//! An enforcer for unit tests, over a disk that waits when it is told to, and what it counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stopgate_decide::attempt::Target;
use stopgate_decide::bundle::{Bundle, TrustRoot};
use stopgate_decide::surface::Enforces;
use tokio::sync::watch;

use crate::audit::tests::faulty::Disk;
use crate::audit::tests::{Contents, contents, open};
use crate::audit::{AuditLog, Options};
use crate::caller::{Caller, May};
use crate::follow::{Active, StopsNow, Supply};
use crate::identity::Identity;
use crate::metrics::{Gauges, Metrics};
use crate::readiness::State;

use super::{AssertedSubject, Enforcer, Label, NamedSubject, Request, RequestId};

pub(crate) struct Stage {
    pub(crate) disk: Disk,
    pub(crate) log: AuditLog,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) enforcer: Arc<Enforcer>,
    /// The stops in force.
    pub(crate) stops: watch::Sender<StopsNow>,
}

/// Opens the policy that every release has to read.
pub(super) fn policy() -> Bundle {
    // A real bundle: it has every part that a sidecar reads.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/compat/0.1.0");
    let root = fs::read(folder.join("root.dsse.json")).expect("a root");
    let root = TrustRoot::open(&root, Timestamp::UNIX_EPOCH).expect("a root");
    let bundle = fs::read(folder.join("policy.stopgate")).expect("a bundle");
    Bundle::open(&bundle, &root).expect("a bundle")
}

impl Stage {
    /// Makes a stage with an empty log and a policy in force.
    pub(crate) fn new(options: Options) -> Self {
        let disk = Disk::default();
        let log = open(&disk, options);
        let metrics = Arc::new(Metrics::default());
        let bundle = policy();
        metrics.learn(bundle.tool_names());
        let active = Active {
            bundle: Arc::new(bundle),
            release: None,
            since: Timestamp::UNIX_EPOCH,
        };
        let supply = Supply {
            active: Some(active),
            ..Supply::default()
        };
        let state = State {
            supply: watch::channel(supply).1,
            log: log.health(),
            draining: watch::channel(false).1,
        };
        let (identity, _) = Identity::new(&BTreeMap::new(), Duration::MAX, &metrics);
        let (stops, watched) = watch::channel(StopsNow::from([]));
        let enforcer = Enforcer::new(
            "erp-7f".to_owned(),
            "dev".parse().expect("a channel"),
            state,
            log.clone(),
            Arc::new(identity),
            Arc::clone(&metrics),
            watched,
        );
        Self {
            disk,
            log,
            metrics,
            stops,
            enforcer: Arc::new(enforcer.expect("random bytes")),
        }
    }

    /// Ends the log and reads it.
    pub(crate) async fn written(&self) -> Contents {
        self.log.close().await.expect("a stop");
        contents(&self.disk.durable())
    }

    /// Returns what requests counted as: every series of answers, of callers that left and of undecided requests that
    /// is not 0.
    pub(crate) fn counted(&self) -> Vec<String> {
        let page = self.metrics.render(&Gauges {
            bundle: true,
            rules: 0,
            failures: 0,
            log_writable: true,
            unrecorded: self.log.unrecorded(),
            ready: true,
            failing_issuers: 0,
            connections: 0,
            log_room: None,
        });
        let of_requests = ["answers", "callers_left", "undecided"];
        page.lines()
            .filter_map(|line| line.strip_prefix("stopgate_"))
            .filter(|line| of_requests.iter().any(|name| line.starts_with(name)))
            .filter(|line| !line.ends_with(" 0"))
            .map(str::to_owned)
            .collect()
    }
}

/// Makes a caller that may do everything.
pub(crate) fn caller() -> Caller {
    Caller {
        uid: 0,
        agent: "orchestrator".to_owned(),
        tools: ["erp".parse().expect("a name")].into(),
        may: May {
            decide: true,
            assert_subject: true,
            assert_agent: true,
        },
        enforces: Enforces::ALL,
        record_bytes_per_second: None,
    }
}

/// Makes a request that is permitted.
pub(crate) fn request() -> Request {
    let groups = vec!["sg-support".to_owned()];
    let issuer = "https://sso.acme.example/".to_owned();
    let subject = AssertedSubject::new(issuer, "00u1ab".to_owned(), groups).expect("a subject");
    Request {
        id: RequestId::new("r".to_owned()).expect("an id"),
        trace: None,
        subject: Some(NamedSubject::Asserted(subject)),
        agent: None,
        tool: Label::new("erp".to_owned()).expect("a name"),
        target: Some(Target::Operation("get_order".to_owned())),
        input: br#"{"order_id": "A-1001"}"#.to_vec(),
        definition: None,
    }
}
