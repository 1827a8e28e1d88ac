//! The codec protobuf. prost keeps enum numbers that no enum has; P-CODEC-5 refuses them.

use prost::{Message, UnknownEnumValue};

use super::pb::{self, Concurrency, ConcurrencyScope, OpKind};
use crate::status::Error;

/// Reads a message, which may have no enum number that is not known.
pub fn decode<T: Message + Default + KnownEnums>(data: &[u8]) -> Result<T, Error> {
    let message = T::decode(data).map_err(|error| Error::unreadable("", &error.to_string()))?;
    match message.known_enums() {
        Ok(()) => Ok(message),
        Err(unknown) => Err(Error::unreadable(&unknown.path(), "it is not a known number")),
    }
}

/// Where an unknown number is: the members that lead to it, the last one first.
pub struct Unknown(Vec<String>);

impl Unknown {
    fn below(mut self, name: impl Into<String>) -> Self {
        self.0.push(name.into());
        self
    }

    fn path(&self) -> String {
        self.0.iter().rev().map(String::as_str).collect::<Vec<_>>().join("/")
    }
}

/// A message that can say whether it knows the enum numbers that it holds.
pub trait KnownEnums {
    fn known_enums(&self) -> Result<(), Unknown> {
        Ok(())
    }
}

impl KnownEnums for pb::OpenSessionRequest {}
impl KnownEnums for pb::CloseSessionRequest {}
impl KnownEnums for pb::ReadRequest {}
impl KnownEnums for pb::PruneRequest {}

impl KnownEnums for pb::PlanRequest {
    fn known_enums(&self) -> Result<(), Unknown> {
        all("jobs", &self.jobs)
    }
}

impl KnownEnums for pb::DriftRequest {
    fn known_enums(&self) -> Result<(), Unknown> {
        all("jobs", &self.jobs)
    }
}

impl KnownEnums for pb::VerifyOwnershipRequest {
    fn known_enums(&self) -> Result<(), Unknown> {
        all("jobs", &self.jobs)
    }
}

impl KnownEnums for pb::AdoptRequest {
    fn known_enums(&self) -> Result<(), Unknown> {
        one("job", self.job.as_ref())
    }
}

impl KnownEnums for pb::ApplyRequest {
    fn known_enums(&self) -> Result<(), Unknown> {
        one("plan", self.plan.as_ref())
    }
}

impl KnownEnums for pb::PlanReply {
    fn known_enums(&self) -> Result<(), Unknown> {
        all("ops", &self.ops)
    }
}

impl KnownEnums for pb::Op {
    fn known_enums(&self) -> Result<(), Unknown> {
        number::<OpKind>("kind", self.kind)?;
        one("desired", self.desired.as_ref())
    }
}

impl KnownEnums for pb::DesiredJob {
    fn known_enums(&self) -> Result<(), Unknown> {
        one("job", self.job.as_ref())
    }
}

impl KnownEnums for pb::Job {
    fn known_enums(&self) -> Result<(), Unknown> {
        one("policy", self.policy.as_ref())
    }
}

impl KnownEnums for pb::Policy {
    fn known_enums(&self) -> Result<(), Unknown> {
        number::<Concurrency>("concurrency", self.concurrency)?;
        number::<ConcurrencyScope>("concurrency_scope", self.concurrency_scope)
    }
}

fn number<E: TryFrom<i32, Error = UnknownEnumValue>>(
    name: &str,
    number: i32,
) -> Result<(), Unknown> {
    match E::try_from(number) {
        Ok(_) => Ok(()),
        Err(_) => Err(Unknown(vec![name.into()])),
    }
}

fn one<T: KnownEnums>(name: &str, message: Option<&T>) -> Result<(), Unknown> {
    message.map_or(Ok(()), |message| message.known_enums().map_err(|unknown| unknown.below(name)))
}

fn all<T: KnownEnums>(name: &str, messages: &[T]) -> Result<(), Unknown> {
    for (i, message) in messages.iter().enumerate() {
        message.known_enums().map_err(|unknown| unknown.below(i.to_string()).below(name))?;
    }
    Ok(())
}
