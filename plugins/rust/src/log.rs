//! The log: stderr, one JSON object a line (P-LOG-1).

use std::{
    io::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::session::NAME;

/// Writes a line. `more` is an object with any more members.
pub fn write(level: &str, message: &str, more: Value) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut line = json!({
        "ts": now.as_micros() as f64 / 1e6,
        "level": level,
        "plugin": NAME,
        "msg": message,
    });
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    let _ = writeln!(io::stderr(), "{line}"); // a host that has gone needs none
}

/// Logs a bug and where it was; it ends only the call that it is in (P-ERR-5). The program is stripped,
/// so it has no names for a stack.
pub fn panics() {
    std::panic::set_hook(Box::new(|info| write("error", &info.to_string(), json!({}))));
}
