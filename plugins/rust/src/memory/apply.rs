//! Apply (P-APPLY). A plan comes back from a host that may have kept it for long, or changed it, so all
//! of it is checked before the first write: by itself, then against the state.

use std::collections::HashSet;

use super::{
    Jobs, Store,
    desired::{check_name, duplicate, express, invalid},
    digest, same,
};
use crate::{
    session::{Context, Events},
    status::{Code, Error},
    wire::pb::{ApplyEvent, ApplyEventKind, Counts, ErrorDetails, Op, OpKind, PlanReply},
};

impl Store {
    pub async fn apply(
        &self,
        context: &Context,
        plan: PlanReply,
        events: &Events,
    ) -> Result<(), Error> {
        check_plan(&plan)?;
        let todo: Vec<usize> =
            (0..plan.ops.len()).filter(|i| kind(&plan.ops[*i]) != OpKind::Skip).collect();
        let mut progress = Progress { todo: &todo, plan: &plan, done: 0 };
        let present = self.app(&plan.app);
        if plan.state_digest != digest(&present) {
            let error = changed("plan/state_digest", &plan.state_digest, &digest(&present));
            return Err(progress.failure(error, 0));
        }
        check_before(&plan, &present, &todo)?;
        for i in &todo {
            let op = &plan.ops[*i];
            let event = |kind: ApplyEventKind| ApplyEvent {
                kind: kind.into(),
                op_index: *i as i32,
                op_kind: op.kind,
                job: op.job.clone(),
                counts: None,
            };
            let untried = |error| progress.failure(error, 0);
            context.check().map_err(untried)?; // P-APPLY-6
            events.send(context, event(ApplyEventKind::Started)).await.map_err(untried)?;
            self.replace(&plan.app, op).map_err(|error| progress.failure(error, 1))?;
            progress.done += 1;
            let sent = events.send(context, event(ApplyEventKind::Done)).await;
            sent.map_err(|error| progress.failure(error, 0))?;
        }
        let finished = ApplyEvent {
            kind: ApplyEventKind::Finished.into(),
            counts: Some(counts(&plan)),
            ..Default::default()
        };
        events.send(context, finished).await.map_err(|error| progress.failure(error, 0))
    }

    /// Carries out one op, unless its job's entries have changed since the plan.
    fn replace(&self, app: &str, op: &Op) -> Result<(), Error> {
        self.change(app, |jobs| {
            if !same(&op.before, entries(jobs, &op.job)) {
                let path = format!("{app}.{}", op.job);
                return Err(changed(&path, "the entries of the plan", "others"));
            }
            match op.after.is_empty() {
                true => jobs.remove(&op.job),
                false => jobs.insert(op.job.clone(), op.after.clone()),
            };
            Ok(())
        })
    }
}

/// How far an Apply has come: the places of the ops that are no skips, and how many are done.
struct Progress<'a> {
    plan: &'a PlanReply,
    todo: &'a [usize],
    done: usize,
}

impl Progress<'_> {
    /// Adds to an error what was done (P-APPLY-5). `tried` is 1 if the next op was begun.
    fn failure(&self, mut error: Error, tried: usize) -> Error {
        let jobs =
            |places: &[usize]| places.iter().map(|i| self.plan.ops[*i].job.clone()).collect();
        let (applied, rest) = self.todo.split_at(self.done);
        let (failed, unattempted) = rest.split_at(tried);
        error.details.applied = jobs(applied);
        error.details.failed = jobs(failed);
        error.details.unattempted = jobs(unattempted);
        error
    }
}

/// The op's kind, of which an absent one is skip (P-CODEC-4).
fn kind(op: &Op) -> OpKind {
    match op.kind() {
        OpKind::Unspecified => OpKind::Skip,
        kind => kind,
    }
}

fn entries<'a>(jobs: &'a Jobs, job: &str) -> &'a [super::Entry] {
    jobs.get(job).map_or(&[], Vec::as_slice)
}

fn counts(plan: &PlanReply) -> Counts {
    let of = |wanted| plan.ops.iter().filter(|op| kind(op) == wanted).count() as i32;
    Counts {
        deleted: of(OpKind::Delete),
        updated: of(OpKind::Update),
        created: of(OpKind::Create),
        skipped: of(OpKind::Skip),
    }
}

/// Refuses a plan that Plan would never have made (P-APPLY-1).
fn check_plan(plan: &PlanReply) -> Result<(), Error> {
    if !plan.ops.is_empty() {
        check_name("plan/app", &plan.app)?;
    }
    let mut seen = HashSet::new();
    for (i, op) in plan.ops.iter().enumerate() {
        let path = format!("plan/ops/{i}");
        if !seen.insert(&op.job) {
            return Err(duplicate(&format!("{path}/job"), &op.job));
        }
        check_op(&plan.app, op, &path)?;
    }
    Ok(())
}

fn check_op(app: &str, op: &Op, path: &str) -> Result<(), Error> {
    let (removes, makes) = match kind(op) {
        OpKind::Delete => (true, false),
        OpKind::Create => (false, true),
        OpKind::Update => (true, true),
        _ => (false, false),
    };
    for (member, has, wanted) in [
        ("before", !op.before.is_empty(), removes),
        ("after", !op.after.is_empty(), makes),
        ("desired", op.desired.is_some(), makes),
    ] {
        if has != wanted {
            let problem = "this kind of op and this member do not go together";
            return Err(mismatch(&format!("{path}/{member}"), problem));
        }
    }
    let Some(desired) = &op.desired else {
        return Ok(());
    };
    let after = express(app, desired, &format!("{path}/desired"))?;
    if after[0].job != op.job {
        return Err(mismatch(&format!("{path}/desired/job/name"), "the op is for another job"));
    }
    if !same(&op.after, &after) {
        let problem = "the entries are not those of the desired job";
        return Err(mismatch(&format!("{path}/after"), problem));
    }
    Ok(())
}

fn mismatch(path: &str, problem: &str) -> Error {
    invalid("PLAN_MISMATCH", path, "what Plan answers", "", problem)
}

/// Holds the plan's ops against what is there (P-APPLY-1).
fn check_before(plan: &PlanReply, present: &Jobs, todo: &[usize]) -> Result<(), Error> {
    for i in todo {
        if !same(&plan.ops[*i].before, entries(present, &plan.ops[*i].job)) {
            let path = format!("plan/ops/{i}/before");
            return Err(mismatch(&path, "the entries are not those that are there"));
        }
    }
    Ok(())
}

/// The state is not the plan's any more (P-APPLY-2).
fn changed(path: &str, expected: &str, got: &str) -> Error {
    let details = ErrorDetails {
        reason: "STATE_CHANGED".into(),
        path: path.into(),
        expected: expected.into(),
        got: got.into(),
        action: "plan again".into(),
        ..Default::default()
    };
    let message = "the entries have changed since the plan was made";
    Error::new(Code::Aborted, message, details)
}

#[cfg(test)]
mod tests {
    use crate::{
        memory::Store,
        session::{Context, Events},
        status::Error,
        wire::pb::{ApplyEvent, DesiredJob, Job, PlanReply, PlanRequest},
    };

    fn plan(store: &Store, names: &[&str]) -> PlanReply {
        let job = |name: &&str| DesiredJob {
            job: Some(Job {
                name: (*name).into(),
                schedules: vec!["@daily".into()],
                ..Default::default()
            }),
            hashes: vec!["f00".into()],
        };
        let jobs = names.iter().map(job).collect();
        store.plan(PlanRequest { app: "web".into(), jobs, allow_empty: true }).unwrap()
    }

    async fn apply(
        store: &Store,
        context: &Context,
        plan: PlanReply,
    ) -> (Vec<ApplyEvent>, Result<(), Error>) {
        let (sender, mut receiver) = Events::channel();
        let receiving = async {
            let mut events = Vec::new();
            while let Some(event) = receiver.recv().await {
                events.push(event);
                if events.len() == 2 && context.deadline.is_some() {
                    context.cancelled.cancel();
                }
            }
            events
        };
        let applying = async move { store.apply(context, plan, &sender).await };
        tokio::join!(receiving, applying)
    }

    #[tokio::test]
    async fn a_plan_is_applied_once() {
        let store = Store::default();
        let made = plan(&store, &["b", "a"]);
        let (events, result) = apply(&store, &Context::default(), made.clone()).await;
        result.unwrap();
        assert_eq!(events.len(), 5);
        assert_eq!(events[4].counts.unwrap().created, 2);
        assert!(plan(&store, &["a", "b"]).ops.iter().all(|op| op.desired.is_none()));
        let (events, result) = apply(&store, &Context::default(), made).await;
        let details = result.unwrap_err().details;
        assert_eq!((events.len(), details.reason.as_str()), (0, "STATE_CHANGED"));
        assert_eq!(details.unattempted, ["a", "b"]);
    }

    #[tokio::test]
    async fn a_cancelled_apply_says_what_was_done() {
        let store = Store::default();
        let made = plan(&store, &["a", "b", "c"]);
        let context = Context::new(Some(std::time::Duration::from_secs(3600)));
        let (_, result) = apply(&store, &context, made).await;
        let error = result.unwrap_err();
        assert_eq!(error.message, "the call was cancelled");
        let details = error.details;
        assert_eq!(details.applied.len() + details.unattempted.len(), 3);
        assert!(!details.applied.is_empty() && !details.unattempted.is_empty());
    }

    #[tokio::test]
    async fn a_plan_that_was_changed_is_refused() {
        let store = Store::default();
        let made = plan(&store, &["a"]);
        for (change, path) in [
            (
                (|plan| plan.ops[0].after[0].hash = "bad".into()) as fn(&mut PlanReply),
                "plan/ops/0/after",
            ),
            (|plan| plan.ops[0].desired = None, "plan/ops/0/desired"),
            (|plan| plan.ops[0].job = "b".into(), "plan/ops/0/desired/job/name"),
            (|plan| plan.ops.extend_from_within(..), "plan/ops/1/job"),
            (|plan| plan.app = "Web".into(), "plan/app"),
        ] {
            let mut changed = made.clone();
            change(&mut changed);
            let (_, result) = apply(&store, &Context::default(), changed).await;
            assert_eq!(result.unwrap_err().details.path, path);
        }
    }
}
