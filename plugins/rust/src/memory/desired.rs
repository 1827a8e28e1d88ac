//! Desired jobs: their checks (P-PLAN-2), and the entries that they are here.

use std::collections::BTreeMap;

use super::Jobs;
use crate::{
    status::{Code, Error},
    wire::pb::{DesiredJob, Entry, ErrorDetails},
};

const NAME_PATTERN: &str = "[a-z][a-z0-9-]{0,62}";
const MAX_SCHEDULES: usize = 64;

pub fn invalid(reason: &str, path: &str, expected: &str, got: &str, problem: &str) -> Error {
    let details = ErrorDetails {
        reason: reason.into(),
        path: path.into(),
        expected: expected.into(),
        got: got.into(),
        ..Default::default()
    };
    Error::new(Code::InvalidArgument, format!("{path}: {problem}"), details)
}

pub fn duplicate(path: &str, name: &str) -> Error {
    let problem = format!("job {name:?} is there twice");
    invalid("DUPLICATE_JOB", path, "each job once", name, &problem)
}

pub fn check_name(path: &str, name: &str) -> Result<(), Error> {
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= 63
        && name.bytes().all(inner)
    {
        return Ok(());
    }
    Err(invalid("INVALID_NAME", path, NAME_PATTERN, name, &format!("{name:?} is not a name")))
}

fn is_hash(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The entries of one desired job, checked; at least one. `path` is the job's place in the request.
pub fn express(app: &str, desired: &DesiredJob, path: &str) -> Result<Vec<Entry>, Error> {
    let (name, schedules) = match &desired.job {
        Some(job) => (job.name.as_str(), job.schedules.as_slice()),
        None => ("", [].as_slice()),
    };
    check_name(&format!("{path}/job/name"), name)?;
    let (count, hashes) = (schedules.len(), &desired.hashes);
    if !(1..=MAX_SCHEDULES).contains(&count) {
        let path = format!("{path}/job/schedules");
        let expected = format!("1 to {MAX_SCHEDULES}");
        let problem = format!("{count} schedules");
        return Err(invalid("SCHEDULE_COUNT", &path, &expected, &count.to_string(), &problem));
    }
    if hashes.len() != count {
        let (expected, got) = (count.to_string(), hashes.len().to_string());
        let problem = format!("{got} hashes for {count} schedules");
        return Err(invalid("HASH_COUNT", &format!("{path}/hashes"), &expected, &got, &problem));
    }
    let entry = |(i, (hash, schedule)): (usize, (&String, &String))| {
        if !is_hash(hash) {
            let (path, expected) = (format!("{path}/hashes/{i}"), "1 to 64 lower-case hex digits");
            let problem = format!("{hash:?} is not a hash");
            return Err(invalid("INVALID_HASH", &path, expected, hash, &problem));
        }
        Ok(Entry {
            app: app.into(),
            job: name.into(),
            index: i as i32,
            hash: hash.clone(),
            schedule: schedule.clone(),
            command: format!("cronix trigger {app}.{name}"),
            location: "memory".into(),
        })
    };
    hashes.iter().zip(schedules).enumerate().map(entry).collect()
}

/// The entries of all desired jobs, checked, and the jobs by their names.
pub fn desired_jobs(
    app: &str,
    desired: Vec<DesiredJob>,
) -> Result<(Jobs, BTreeMap<String, DesiredJob>), Error> {
    check_name("app", app)?;
    let (mut entries, mut by_name) = (Jobs::new(), BTreeMap::new());
    for (i, one) in desired.into_iter().enumerate() {
        let made = express(app, &one, &format!("jobs/{i}"))?;
        let name = made[0].job.clone();
        if entries.insert(name.clone(), made).is_some() {
            return Err(duplicate(&format!("jobs/{i}/job/name"), &name));
        }
        by_name.insert(name, one);
    }
    Ok((entries, by_name))
}
