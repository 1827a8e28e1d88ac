//! A scheduler that keeps its entries in memory, and the seven operations on it. Nothing else writes to
//! it, so there are no marks that cannot be read, no foreign entries, and no copies of one.

mod apply;
mod cron;
mod desired;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use desired::{check_name, desired_jobs, express};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{
    status::{Code, Error},
    wire::pb::{
        AdoptOutcome, AdoptReply, AdoptRequest, Difference, DriftItem, DriftKind, DriftReply,
        DriftRequest, Entry, ErrorDetails, Op, OpKind, OwnershipItem, PlanReply, PlanRequest,
        PruneReply, PruneRequest, ReadReply, ReadRequest, Verdict, VerifyOwnershipReply,
        VerifyOwnershipRequest,
    },
};

/// One app's entries: by job, each job's by index.
type Jobs = BTreeMap<String, Vec<Entry>>;

/// The entries of all apps. A reader keeps what it has: a writer copies what is being read.
#[derive(Default)]
pub struct Store(Mutex<BTreeMap<String, Arc<Jobs>>>);

impl Store {
    fn apps(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Jobs>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One app's entries at one moment.
    fn app(&self, name: &str) -> Arc<Jobs> {
        self.apps().get(name).cloned().unwrap_or_default()
    }

    /// Lets `edit` change one app's jobs; it changes nothing if it fails.
    fn change<R>(
        &self,
        app: &str,
        edit: impl FnOnce(&mut Jobs) -> Result<R, Error>,
    ) -> Result<R, Error> {
        edit(Arc::make_mut(self.apps().entry(app.to_owned()).or_default()))
    }

    /// P-READ.
    pub fn read(&self, request: &ReadRequest) -> ReadReply {
        let apps = match &request.app {
            Some(app) => vec![self.app(app)],
            None => self.apps().values().cloned().collect(),
        };
        let entries = apps.iter().flat_map(|jobs| jobs.values().flatten().cloned()).collect();
        ReadReply { entries, malformed: Vec::new() }
    }

    /// P-PLAN.
    pub fn plan(&self, request: PlanRequest) -> Result<PlanReply, Error> {
        let (wanted, mut desired) = desired_jobs(&request.app, request.jobs)?;
        if wanted.is_empty() && !request.allow_empty {
            let action = "set allow_empty to delete all jobs of the app";
            return Err(none_given("EMPTY_DESIRED", "jobs", "no job is desired", action));
        }
        let present = self.app(&request.app);
        let mut ops: Vec<Op> = Vec::new();
        for job in names(&wanted, &present) {
            let op = Op { job: job.clone(), ..Default::default() };
            ops.push(match (present.get(job), wanted.get(job)) {
                (Some(before), Some(after)) if same(before, after) => {
                    Op { kind: OpKind::Skip.into(), ..op }
                }
                (before, after) => Op {
                    kind: match (before, after) {
                        (_, None) => OpKind::Delete,
                        (None, _) => OpKind::Create,
                        _ => OpKind::Update,
                    }
                    .into(),
                    before: before.cloned().unwrap_or_default(),
                    after: after.cloned().unwrap_or_default(),
                    desired: desired.remove(job),
                    ..op
                },
            });
        }
        ops.sort_by_key(|op| op.kind); // the enum has them in the order of P-PLAN-3
        Ok(PlanReply {
            state_digest: digest(&present),
            app: request.app,
            ops,
            warnings: Vec::new(),
        })
    }

    /// P-DRIFT.
    pub fn drift(&self, request: DriftRequest) -> Result<DriftReply, Error> {
        let (wanted, _) = desired_jobs(&request.app, request.jobs)?;
        let present = self.app(&request.app);
        let mut items = Vec::new();
        for job in names(&wanted, &present) {
            for (index, expected, actual) in pairs(wanted.get(job), present.get(job)) {
                let kind = match (expected, actual) {
                    (_, None) => DriftKind::Missing,
                    (None, _) => DriftKind::Orphan,
                    (Some(expected), Some(actual)) if same_entry(expected, actual) => continue,
                    _ => DriftKind::Modified,
                };
                items.push(DriftItem {
                    kind: kind.into(),
                    app: request.app.clone(),
                    job: job.clone(),
                    index,
                    expected: expected.cloned(),
                    actual: actual.cloned(),
                });
            }
        }
        Ok(DriftReply { items })
    }

    /// P-PRUNE.
    pub fn prune(&self, request: PruneRequest) -> Result<PruneReply, Error> {
        check_name("app", &request.app)?;
        if request.keep.is_empty() && !request.allow_empty {
            let action = "set allow_empty to remove all jobs of the app";
            return Err(none_given("EMPTY_KEEP", "keep", "no job is to be kept", action));
        }
        let keep: BTreeSet<&String> = request.keep.iter().collect();
        self.change(&request.app, |jobs| {
            let unkept = jobs.iter().filter(|(job, _)| !keep.contains(job));
            let removed = unkept.flat_map(|(_, entries)| entries.clone()).collect();
            if !request.dry_run {
                jobs.retain(|job, _| keep.contains(job));
            }
            Ok(PruneReply { removed })
        })
    }

    /// P-ADOPT. There are no candidates here, so nothing is ever adopted.
    pub fn adopt(&self, request: AdoptRequest) -> Result<AdoptReply, Error> {
        check_name("app", &request.app)?;
        let desired = request.job.unwrap_or_default();
        let wanted = express(&request.app, &desired, "job")?;
        let present = self.app(&request.app);
        let Some(owned) = present.get(&wanted[0].job) else {
            return Ok(adopt_reply(AdoptOutcome::NotFound));
        };
        let mut differences = Vec::new();
        for (index, expected, got) in pairs(Some(&wanted), Some(owned)) {
            if let (Some(expected), Some(got)) = (expected, got)
                && same_entry(expected, got)
            {
                continue;
            }
            differences.push(Difference {
                index: if expected.is_some() { index } else { -1 },
                expected: describe(expected),
                got: describe(got),
                location: got.map(|entry| entry.location.clone()).unwrap_or_default(),
            });
        }
        Ok(match differences.is_empty() {
            true => {
                AdoptReply { entries: owned.clone(), ..adopt_reply(AdoptOutcome::AlreadyManaged) }
            }
            false => AdoptReply { differences, ..adopt_reply(AdoptOutcome::Diverged) },
        })
    }

    /// P-VERIFY.
    pub fn verify_ownership(
        &self,
        request: VerifyOwnershipRequest,
    ) -> Result<VerifyOwnershipReply, Error> {
        let (wanted, _) = desired_jobs(&request.app, request.jobs)?;
        let judge = |entry: &Entry| {
            let Some(desired) = wanted.get(&entry.job) else {
                return (Verdict::Abandoned, "its job is not desired");
            };
            match at(Some(desired), entry.index as usize) {
                Some(desired) if desired.hash == entry.hash && !same_entry(desired, entry) => {
                    (Verdict::Tampered, "its hash is of another schedule or command")
                }
                _ => (Verdict::Owned, ""),
            }
        };
        let present = self.app(&request.app);
        let items = present.values().flatten().map(|entry| {
            let (verdict, reason) = judge(entry);
            OwnershipItem {
                verdict: verdict.into(),
                entry: Some(entry.clone()),
                reason: reason.into(),
            }
        });
        Ok(VerifyOwnershipReply { items: items.collect(), warnings: Vec::new() })
    }
}

fn adopt_reply(outcome: AdoptOutcome) -> AdoptReply {
    AdoptReply { outcome: outcome.into(), ..Default::default() }
}

fn describe(entry: Option<&Entry>) -> String {
    entry.map_or("no entry".into(), |entry| {
        format!("{} {} (hash {})", entry.schedule, entry.command, entry.hash)
    })
}

/// The jobs that either has, in order.
fn names<'a>(a: &'a Jobs, b: &'a Jobs) -> BTreeSet<&'a String> {
    a.keys().chain(b.keys()).collect()
}

/// The entries of two jobs side by side, by index.
fn pairs<'a>(
    a: Option<&'a Vec<Entry>>,
    b: Option<&'a Vec<Entry>>,
) -> impl Iterator<Item = (i32, Option<&'a Entry>, Option<&'a Entry>)> {
    let count = a.map_or(0, Vec::len).max(b.map_or(0, Vec::len));
    (0..count).map(move |i| (i as i32, at(a, i), at(b, i)))
}

fn at(entries: Option<&Vec<Entry>>, index: usize) -> Option<&Entry> {
    entries.and_then(|entries| entries.get(index))
}

/// Depends on content and order of the entries only (P-PLAN-5).
fn digest(jobs: &Jobs) -> String {
    let mut sum = Sha256::new();
    for entry in jobs.values().flatten() {
        let content = Entry {
            schedule: cron::meaning(&entry.schedule),
            location: String::new(),
            ..entry.clone()
        };
        sum.update(content.encode_length_delimited_to_vec());
    }
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the entries of two jobs have equal content.
fn same(a: &[Entry], b: &[Entry]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_entry(a, b))
}

fn same_entry(a: &Entry, b: &Entry) -> bool {
    a.app == b.app
        && a.job == b.job
        && a.index == b.index
        && a.hash == b.hash
        && a.command == b.command
        && (a.schedule == b.schedule || cron::meaning(&a.schedule) == cron::meaning(&b.schedule))
}

/// The error of a set that is empty, but not on purpose (P-PLAN-6, P-PRUNE-2).
fn none_given(reason: &str, path: &str, message: &str, action: &str) -> Error {
    let details = ErrorDetails {
        reason: reason.into(),
        path: path.into(),
        expected: "at least one job".into(),
        got: "none".into(),
        action: action.into(),
        ..Default::default()
    };
    Error::new(Code::InvalidArgument, message, details)
}
