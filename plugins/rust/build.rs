//! Makes Rust of the contract, spec/plugin/backend.proto: messages with prost, and serde's attributes
//! for the protocol's own JSON (P-CODEC-1). protox reads the file, so no protoc is needed.

use std::error::Error;

use prost_types::field_descriptor_proto::{Label, Type};

const FOLDER: &str = "../../spec/plugin";
const FILE: &str = "backend.proto";

/// The messages whose absence has a meaning: null says the same (P-CODEC-4).
const NULLABLE: [(&str, &str); 4] = [
    ("Op", "desired"),
    ("ApplyEvent", "counts"),
    ("DriftItem", "expected"),
    ("DriftItem", "actual"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={FOLDER}/{FILE}");
    let contract = protox::compile([FILE], [FOLDER])?;
    let mut config = prost_build::Config::new();
    config.btree_map(["."]);
    config.message_attribute(".", "#[derive(serde::Serialize, serde::Deserialize)]");
    config.message_attribute(".", "#[serde(default)]");
    for message in contract.file.iter().flat_map(|file| &file.message_type) {
        for field in &message.field {
            let is_map = message
                .nested_type
                .iter()
                .any(|entry| field.type_name().ends_with(&format!(".{}", entry.name())));
            let how = match (field.r#type(), field.label()) {
                (Type::Enum, _) => {
                    let name = field.type_name().rsplit('.').next().unwrap_or_default();
                    format!("with = \"json::{}\"", snake(name))
                }
                (Type::Message, _) if is_map => "default".to_owned(),
                (Type::Message, Label::Repeated) => read_by("messages"),
                (Type::Message, _) if NULLABLE.contains(&(message.name(), field.name())) => {
                    read_by("nullable")
                }
                (Type::Message, _) => read_by("message"),
                _ => "default".to_owned(),
            };
            let path = format!("{}.{}", message.name(), field.name());
            let skip = r#"skip_serializing_if = "json::is_default""#;
            config.field_attribute(path, format!("#[serde({how}, {skip})]"));
        }
    }
    config.compile_fds(contract)?;
    Ok(())
}

fn read_by(function: &str) -> String {
    format!("deserialize_with = \"json::{function}\"")
}

/// `DriftKind` as `drift_kind`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
