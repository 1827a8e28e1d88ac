//! Bytes of messages and messages of bytes, in protobuf and in the protocol's own JSON (P-CODEC).

pub mod json;
mod protobuf;

use bytes::Bytes;
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};

pub use protobuf::KnownEnums;

use crate::status::Error;

/// The messages, made by build.rs.
pub mod pb {
    use crate::wire::json;

    include!(concat!(env!("OUT_DIR"), "/cronix.backend.v1.rs"));
}

/// Bounds a message as it is encoded, in bytes (P-LIMIT-1).
pub const MAX_MESSAGE: usize = 64 << 20;

/// One way to write messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    Protobuf,
    Json,
}

impl Codec {
    pub fn name(self) -> &'static str {
        match self {
            Codec::Protobuf => "protobuf",
            Codec::Json => "json",
        }
    }

    /// Reads a request; what is no such message is UNREADABLE_REQUEST (P-CODEC-3).
    pub fn decode<T: Message + Default + DeserializeOwned + KnownEnums>(
        self,
        data: &[u8],
    ) -> Result<T, Error> {
        match self {
            Codec::Protobuf => protobuf::decode(data),
            Codec::Json => json::decode(data),
        }
    }

    /// Appends a message.
    pub fn append<T: Message + Serialize>(self, out: &mut Vec<u8>, message: &T) {
        match self {
            Codec::Protobuf => message.encode(out).expect("a Vec grows"),
            Codec::Json => serde_json::to_writer(out, message).expect("messages have a JSON form"),
        }
    }

    pub fn encode<T: Message + Serialize>(self, message: &T) -> Vec<u8> {
        let mut out = Vec::new();
        self.append(&mut out, message);
        out
    }

    /// Encodes a reply, which has a limit (P-LIMIT-1).
    pub fn encode_reply<T: Message + Serialize>(self, reply: &T) -> Result<Bytes, Error> {
        let out = self.encode(reply);
        if out.len() > MAX_MESSAGE {
            return Err(Error::too_large("reply", MAX_MESSAGE));
        }
        Ok(out.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Codec::{Json, Protobuf},
        pb::{
            ApplyRequest, DesiredJob, Job, Op, OpKind, PlanReply, PlanRequest, Policy, ReadRequest,
        },
    };

    #[test]
    fn requests_that_are_no_such_message_name_the_member() {
        let read = |text: &str| Json.decode::<PlanRequest>(text.as_bytes());
        for (text, path) in [
            ("[]", ""),
            ("{} {}", ""),
            ("{", ""),
            ("\u{feff}{}", ""),
            (r#"{"app":null}"#, "app"),
            (r#"{"app":1}"#, "app"),
            (r#"{"allow_empty":0}"#, "allow_empty"),
            (r#"{"jobs":{}}"#, "jobs"),
            (r#"{"jobs":[[]]}"#, "jobs/0"),
            (r#"{"jobs":[{},{"job":null}]}"#, "jobs/1/job"),
            (r#"{"jobs":[{"job":{"schedules":["a",1]}}]}"#, "jobs/0/job/schedules/1"),
            (r#"{"jobs":[{"job":{"name":"\ud800"}}]}"#, "jobs/0/job/name"),
            (
                r#"{"jobs":[{"job":{"request":{"headers":{"a":1}}}}]}"#,
                "jobs/0/job/request/headers/a",
            ),
            (
                r#"{"jobs":[{"job":{"policy":{"concurrency":"forbid"}}}]}"#,
                "jobs/0/job/policy/concurrency",
            ),
            (
                r#"{"jobs":[{"job":{"policy":{"timeout_seconds":1.0}}}]}"#,
                "jobs/0/job/policy/timeout_seconds",
            ),
            (
                r#"{"jobs":[{"job":{"policy":{"timeout_seconds":2147483648}}}]}"#,
                "jobs/0/job/policy/timeout_seconds",
            ),
            (r#"{"x":{"a":1,"\u0061":2}}"#, ""),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.details.reason, "UNREADABLE_REQUEST", "{text}");
            assert_eq!(error.details.path, path, "{text}: {error}");
        }
        for text in ["{}", r#" {"x":null,"y":[{"a":1},{"a":1}],"app":"a:\"b\\"}"#] {
            assert!(read(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn null_is_absence_where_absence_has_a_meaning() {
        let request: ReadRequest = Json.decode(br#"{"app":null}"#).unwrap();
        assert_eq!(request.app, None);
        let request: ApplyRequest = Json.decode(br#"{"plan":{"ops":[{"desired":null}]}}"#).unwrap();
        assert_eq!(request.plan.unwrap().ops[0].desired, None);
    }

    #[test]
    fn a_number_that_no_enum_has_is_unreadable() {
        let policy = Policy { concurrency: 9, ..Default::default() };
        let job = Job { policy: Some(policy), ..Default::default() };
        let jobs = vec![DesiredJob { job: Some(job), hashes: vec![] }];
        let data = Protobuf.encode(&PlanRequest { jobs, ..Default::default() });
        let error = Protobuf.decode::<PlanRequest>(&data).unwrap_err();
        assert_eq!(error.details.path, "jobs/0/job/policy/concurrency");
        assert!(Protobuf.decode::<ReadRequest>(b"\x0a\x01\xff").is_err());
    }

    #[test]
    fn both_codecs_give_back_what_they_got() {
        let op =
            Op { kind: OpKind::Update.into(), job: "é\u{2028}\"".into(), ..Default::default() };
        let plan = PlanReply { ops: vec![op, Op::default()], ..Default::default() };
        let request = ApplyRequest { plan: Some(plan) };
        for codec in [Json, Protobuf] {
            let again: ApplyRequest = codec.decode(&codec.encode(&request)).unwrap();
            assert_eq!(again, request);
        }
        let text = String::from_utf8(Json.encode(&request)).unwrap();
        assert!(text.starts_with(r#"{"plan":{"ops":[{"kind":"update","job":"#), "{text}");
    }
}
