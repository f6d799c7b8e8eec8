//! The status, as the wire has it.

use jiff::Timestamp;
use stopgate_decide::calendar::zone_data;
use stopgate_decide::supply::StopInForce;
use stopgate_decide::surface::Limit;
use stopgate_proto::v1 as pb;

use super::timestamp;
use crate::enforce::Status;
use crate::follow::Refusal;
use crate::source::{Looked, SourceName};

impl From<Status> for pb::GetStatusResponse {
    fn from(status: Status) -> Self {
        let Status {
            channel,
            supply,
            sources,
            root_expires,
            stops,
        } = status;
        let crate::follow::Supply {
            active,
            refusal: refused,
            failures,
            standing,
            listed: _,
            root,
        } = supply;
        // Without a bundle nothing passes, and the status says so.
        let ceiling = active.as_ref().map_or(Limit::None, |active| {
            let allowed = standing.limit(active.bundle.freshness(), Timestamp::now());
            let ceiling = active.bundle.default_ceiling(channel.as_str()).min(allowed);
            let of_all = stops.iter().filter(|stop| stop.reaches_all());
            let of_all = of_all.map(|stop| stop.limit.into());
            of_all.fold(ceiling, Limit::min)
        });
        let bundle_zone_data = active
            .as_ref()
            .and_then(|active| active.bundle.zone_data().map(str::to_owned));
        Self {
            channel: channel.to_string(),
            bundle_digest: active
                .as_ref()
                .map_or_else(String::new, |active| active.bundle.digest().to_string()),
            bundle_version: active
                .as_ref()
                .and_then(|active| active.release)
                .map_or(0, |held| {
                    i64::try_from(held.version.get()).unwrap_or(i64::MAX)
                }),
            activate_time: active.as_ref().map(|active| timestamp(active.since)),
            fresh_time: standing.proven.map(|proven| timestamp(proven.issued)),
            risk_limit: limit(ceiling).into(),
            consecutive_failures: i32::try_from(failures).unwrap_or(i32::MAX),
            bundle_refusal: refused
                .map_or(pb::BundleRefusal::Unspecified, refusal)
                .into(),
            sources: sources.into_iter().map(source).collect(),
            root_expire_time: root_expires.map(timestamp),
            zone_data: zone_data().to_owned(),
            bundle_zone_data: bundle_zone_data.unwrap_or_default(),
            stops: stops.iter().map(stop).collect(),
            root_version: root.map_or(0, |root| {
                i64::try_from(root.statement().version).unwrap_or(i64::MAX)
            }),
        }
    }
}

fn source((name, looked): (SourceName, Looked)) -> pb::SourceStatus {
    let Looked {
        last_success,
        failures,
        unusable_keys,
    } = looked;
    let (kind, issuer) = match name {
        SourceName::Bundle => (pb::SourceKind::Bundle, String::new()),
        SourceName::Root => (pb::SourceKind::Root, String::new()),
        SourceName::KeySet(issuer) => (pb::SourceKind::KeySet, issuer),
        SourceName::Socket => (pb::SourceKind::Socket, String::new()),
        SourceName::StateDir => (pb::SourceKind::StateDir, String::new()),
        SourceName::Configuration => (pb::SourceKind::Configuration, String::new()),
        SourceName::Stops => (pb::SourceKind::Stops, String::new()),
    };
    pb::SourceStatus {
        kind: kind.into(),
        issuer,
        last_success_time: last_success.map(timestamp),
        consecutive_failures: i32::try_from(failures).unwrap_or(i32::MAX),
        unusable_keys: i32::try_from(unusable_keys).unwrap_or(i32::MAX),
    }
}

fn stop(stop: &StopInForce) -> pb::StopStatus {
    let StopInForce {
        digest,
        note,
        tool,
        operation,
        agent,
        limit: lets_through,
        until,
    } = stop.clone();
    let (id, reason) =
        note.map_or_else(Default::default, |note| (note.id.to_string(), note.reason));
    pb::StopStatus {
        digest: digest.to_string(),
        id,
        tool: tool.map_or_else(String::new, |tool| tool.to_string()),
        operation: operation.map_or_else(String::new, |operation| operation.to_string()),
        agent: agent.unwrap_or_default(),
        risk_limit: limit(lets_through.into()).into(),
        reason,
        expire_time: until.map(timestamp),
    }
}

const fn limit(limit: Limit) -> pb::RiskLimit {
    match limit {
        Limit::None => pb::RiskLimit::None,
        Limit::ReadOnly => pb::RiskLimit::ReadOnly,
        Limit::Low => pb::RiskLimit::Low,
        Limit::Medium => pb::RiskLimit::Medium,
        Limit::High => pb::RiskLimit::High,
    }
}

const fn refusal(refusal: Refusal) -> pb::BundleRefusal {
    match refusal {
        Refusal::Signature => pb::BundleRefusal::Signature,
        Refusal::Threshold => pb::BundleRefusal::Threshold,
        Refusal::Digest => pb::BundleRefusal::Digest,
        Refusal::Expired => pb::BundleRefusal::Expired,
        Refusal::Format => pb::BundleRefusal::Format,
        Refusal::Channel => pb::BundleRefusal::Channel,
        Refusal::SourceUnavailable => pb::BundleRefusal::SourceUnavailable,
        Refusal::Empty => pb::BundleRefusal::Empty,
        Refusal::AuditUnavailable => pb::BundleRefusal::AuditUnavailable,
        Refusal::Organisation => pb::BundleRefusal::Organisation,
        Refusal::TooLong => pb::BundleRefusal::TooLong,
        Refusal::MayBeReplaced => pb::BundleRefusal::MayBeReplaced,
        Refusal::Rollback => pb::BundleRefusal::Rollback,
        Refusal::History => pb::BundleRefusal::History,
        Refusal::NotSignedOff => pb::BundleRefusal::NotSignedOff,
        Refusal::Marks => pb::BundleRefusal::Marks,
        Refusal::Timestamp => pb::BundleRefusal::Timestamp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_own_name_on_the_wire() {
        for known in Refusal::ALL {
            let wire = refusal(known).as_str_name();
            assert_eq!(
                wire,
                format!("BUNDLE_REFUSAL_{}", known.as_str().to_uppercase())
            );
        }
    }
}
