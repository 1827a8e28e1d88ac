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
