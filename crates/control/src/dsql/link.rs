//! Clusters of several regions that are one database.
//!
//! A cluster that names a witness waits in PENDING_SETUP until it and the others name each other;
//! then all of them get one number, and so one database.

use std::sync::Arc;

use serde::Deserialize;
use server::ClusterId;

use super::Call;
use super::shapes::Check;
use crate::clusters::{ClusterRecord, MultiRegion, Records, Status};
use crate::error::{ApiError, Reason};

/// Regions that can be linked with each other.
///
/// Source: Aurora DSQL user guide, "Configuring multi-Region clusters".
const SETS: [&[&str]; 3] = [
    &["us-east-1", "us-east-2", "us-west-2"],
    &["ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1"],
    &["eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1", "eu-south-2"],
];
/// Regions that stand alone.
const ALONE: [&str; 4] = ["ap-southeast-2", "ca-central-1", "ca-west-1", "sa-east-1"];

/// Whether there is DSQL in a region.
pub(crate) fn is_region(region: &str) -> bool {
    ALONE.contains(&region) || SETS.iter().any(|set| set.contains(&region))
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Properties {
    witness_region: Option<String>,
    clusters: Option<Vec<String>>,
}

impl Properties {
    /// The properties, for a cluster in `region`.
    pub(super) fn check(self, region: &str) -> Result<MultiRegion, ApiError> {
        let Properties { witness_region, clusters } = self;
        let Some(witness) = witness_region else {
            return Err(invalid("multiRegionProperties must have a witnessRegion"));
        };
        let clusters = clusters.unwrap_or_default();
        let mut check = Check::default();
        for arn in &clusters {
            let pattern = "be the ARN of a cluster: arn:aws:dsql:<region>:<account>:cluster/<id>";
            check.that(parse_arn(arn).is_some(), "multiRegionProperties.clusters", pattern);
        }
        check.finish()?;
        let mut regions = vec![region, witness.as_str()];
        regions.extend(clusters.iter().filter_map(|arn| parse_arn(arn)).map(|(region, ..)| region));
        let is_one_set = SETS.iter().any(|set| regions.iter().all(|region| set.contains(region)));
        if !is_one_set {
            return Err(invalid(format!(
                "The regions {} are not in one set of regions",
                regions.join(", ")
            )));
        }
        regions.sort_unstable();
        if regions.array_windows().any(|[a, b]| a == b) {
            return Err(invalid(
                "The cluster, its peers and the witness must be in different regions",
            ));
        }
        Ok(MultiRegion { witness, clusters })
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::validation(Reason::Other, message)
}

/// Region, account and id of a cluster's ARN.
pub(super) fn parse_arn(arn: &str) -> Option<(&str, &str, ClusterId)> {
    let mut parts = arn.strip_prefix("arn:aws:dsql:")?.splitn(3, ':');
    let (region, account) = (parts.next()?, parts.next()?);
    let id = parts.next()?.strip_prefix("cluster/")?.parse().ok()?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (!region.is_empty() && is_account).then_some((region, account, id))
}

impl Call<'_> {
    /// Refuses a link that the caller may not make or take away.
    pub(super) fn may_link(
        &self,
        before: &ClusterRecord,
        after: &MultiRegion,
    ) -> Result<(), ApiError> {
        let arn = before.arn(self.clusters.account());
        self.authorize("PutMultiRegionProperties", &arn, Some(before), &[])?;
        let witness = [super::witness_key(&after.witness)];
        self.authorize("PutWitnessRegion", &arn, Some(before), &witness)?;
        for peer in &after.clusters {
            self.authorize("AddPeerCluster", peer, None, &[])?;
        }
        let former = before.multi_region.iter().flat_map(|properties| &properties.clusters);
        for peer in former.filter(|peer| !after.clusters.contains(peer)) {
            self.authorize("RemovePeerCluster", peer, None, &[])?;
        }
        Ok(())
    }
}

/// Gives a cluster that waits to be linked other properties.
pub(super) fn change(record: &mut ClusterRecord, properties: MultiRegion) -> Result<(), ApiError> {
    match &record.multi_region {
        None => Err(invalid("A single-Region cluster cannot become a multi-Region cluster")),
        Some(former) if *former == properties => Ok(()),
        Some(_) if record.status != Status::PendingSetup => {
            Err(invalid("The multi-Region properties of a linked cluster cannot be changed"))
        }
        Some(former) if former.witness != properties.witness => {
            Err(invalid("The witness Region of a cluster cannot be changed"))
        }
        Some(_) => {
            record.multi_region = Some(properties);
            Ok(())
        }
    }
}

/// Refuses peers that are not there, or are of another kind.
pub(super) fn check_peers(
    records: &Records,
    record: &ClusterRecord,
    account: &str,
) -> Result<(), ApiError> {
    let Some(properties) = &record.multi_region else { return Ok(()) };
    for arn in &properties.clusters {
        let peer = parse_arn(arn)
            .filter(|(_, owner, _)| *owner == account)
            .and_then(|(region, _, id)| records.get(&id).filter(|peer| peer.region == region));
        match peer.and_then(|peer| peer.multi_region.as_ref()) {
            None => return Err(invalid(format!("{arn} is not a multi-Region cluster"))),
            Some(theirs) if theirs.witness != properties.witness => {
                return Err(invalid(format!("{arn} has another witness Region")));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Links the cluster with those it names, if all of them name each other and wait for it.
pub(super) fn link(records: &mut Records, id: ClusterId, account: &str) {
    let Some(members) = members(records, id, account) else { return };
    let waits = |id: &ClusterId| {
        records.get(id).is_some_and(|record| record.status == Status::PendingSetup)
    };
    if members.len() < 2 || !members.iter().all(waits) {
        return;
    }
    // They get one number when they are stored.
    for member in members {
        if let Some(record) = records.get_mut(&member) {
            Arc::make_mut(record).status = Status::Creating;
        }
    }
}

/// Of linked clusters, one that is deleted waits until all are.
pub(super) fn delete(records: &mut Records, id: ClusterId, account: &str) {
    let Some(members) = members(records, id, account).filter(|members| members.len() > 1) else {
        return;
    };
    let is_linked = records.get(&id).is_some_and(|record| record.number.is_some());
    if !is_linked {
        return;
    }
    let is_deleted = |member: &ClusterId| {
        records
            .get(member)
            .is_none_or(|record| matches!(record.status, Status::Deleting | Status::PendingDelete))
    };
    let all = members.iter().all(is_deleted);
    for member in members {
        let Some(record) = records.get_mut(&member) else { continue };
        if all {
            Arc::make_mut(record).status = Status::Deleting;
        } else if member == id {
            Arc::make_mut(record).status = Status::PendingDelete;
        }
    }
}

/// The cluster and those it names, if all of them name each other.
fn members(records: &Records, id: ClusterId, account: &str) -> Option<Vec<ClusterId>> {
    let own = records.get(&id)?;
    let peers = &own.multi_region.as_ref()?.clusters;
    let mut members = vec![id];
    for arn in peers {
        let (_, _, peer) = parse_arn(arn)?;
        members.push(peer);
    }
    let names_all = |member: &ClusterId| {
        let Some(record) = records.get(member) else { return false };
        let Some(properties) = &record.multi_region else { return false };
        members.iter().filter(|other| *other != member).all(|other| {
            records
                .get(other)
                .is_some_and(|other| properties.clusters.contains(&other.arn(account)))
        })
    };
    members.iter().all(names_all).then_some(members)
}
