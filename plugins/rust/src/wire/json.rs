//! The codec JSON (P-CODEC-1), which is not protobuf's own JSON mapping: serde_json, held to the
//! protocol where it takes more. build.rs puts these functions on the messages' members.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer,
};
use serde_path_to_error::Segment;

use super::pb;
use crate::status::Error;

/// Reads a message.
pub fn decode<T: DeserializeOwned>(data: &[u8]) -> Result<T, Error> {
    let text = str::from_utf8(data).map_err(|_| Error::unreadable("", "it is not UTF-8"))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let Object(message) = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Error::unreadable(&path(error.path()), &error.inner().to_string()))?;
    json.end().map_err(|error| Error::unreadable("", &error.to_string()))?;
    match repeated(text) {
        None => Ok(message),
        Some(name) => Err(Error::unreadable("", &format!("the member {name} is there twice"))),
    }
}

/// A path as the protocol writes it: `jobs/0/job/name`.
fn path(path: &serde_path_to_error::Path) -> String {
    let words: Vec<String> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        })
        .collect();
    words.join("/")
}

/// A name that one object of a JSON text has twice: serde keeps the last of the two in a map, and does
/// not look at members that it does not know. The text must be JSON, as this only looks for strings,
/// braces and colons.
pub fn repeated(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut names: Vec<Cow<str>> = Vec::new(); // of all objects that are open
    let mut objects: Vec<usize> = Vec::new(); // where in names those of each begin
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => objects.push(names.len()),
            b'}' => {
                let own = objects.pop()?;
                names[own..].sort_unstable();
                if let Some(pair) = names[own..].windows(2).find(|pair| pair[0] == pair[1]) {
                    return Some(pair[0].to_string());
                }
                names.truncate(own);
            }
            b'"' => {
                let end = string_end(bytes, at);
                let behind = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace());
                if behind == Some(&b':') {
                    names.push(unescaped(&text[at..end]));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where the string that begins at `start` ends, its quotes included.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// A name without its quotes and escapes. One with a lone surrogate stays as it is written.
fn unescaped(quoted: &str) -> Cow<'_, str> {
    if quoted.contains('\\')
        && let Ok(name) = serde_json::from_str(quoted)
    {
        return Cow::Owned(name);
    }
    Cow::Borrowed(quoted.trim_matches('"'))
}

/// Whether a member has its default, and can be left out (P-CODEC-4).
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A message, which is an object: what serde derives takes an array as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Object)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// A member that is a message. null is the wrong type (P-CODEC-4).
pub fn message<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Object::deserialize(deserializer).map(|Object(message)| Some(message))
}

/// A member that is a message or null.
pub fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let found = Option::<Object<T>>::deserialize(deserializer)?;
    Ok(found.map(|Object(message)| message))
}

/// A member that is an array of messages.
pub fn messages<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let found = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(found.into_iter().map(|Object(message)| message).collect())
}

/// A module for each enum, which writes it as its word and reads the word (P-CODEC-1). The number 0
/// has no word: it is only written by absence.
macro_rules! words {
    ($module:ident, $enum:ident: $($word:literal = $variant:ident),+) => {
        pub mod $module {
            use serde::{Deserializer, Serializer, de, Deserialize};

            use super::pb::$enum;

            pub fn serialize<S: Serializer>(number: &i32, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(match $enum::try_from(*number) {
                    $(Ok($enum::$variant) => $word,)+
                    _ => "",
                })
            }

            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
                match &*std::borrow::Cow::<str>::deserialize(deserializer)? {
                    $($word => Ok($enum::$variant as i32),)+
                    other => Err(de::Error::unknown_variant(other, &[$($word),+])),
                }
            }
        }
    };
}

words!(concurrency, Concurrency: "Allow" = Allow, "Forbid" = Forbid, "Replace" = Replace);
words!(concurrency_scope, ConcurrencyScope: "host" = Host, "global" = Global);
words!(op_kind, OpKind: "delete" = Delete, "update" = Update, "create" = Create, "skip" = Skip);
words!(apply_event_kind, ApplyEventKind:
    "started" = Started, "done" = Done, "finished" = Finished);
words!(drift_kind, DriftKind: "missing" = Missing, "modified" = Modified, "orphan" = Orphan,
    "foreign" = Foreign);
words!(adopt_outcome, AdoptOutcome: "adopted" = Adopted, "already_managed" = AlreadyManaged,
    "diverged" = Diverged, "not_found" = NotFound);
words!(verdict, Verdict: "owned" = Owned, "tampered" = Tampered, "abandoned" = Abandoned,
    "duplicate" = Duplicate, "foreign" = Foreign);
