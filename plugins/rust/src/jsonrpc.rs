//! JSON-RPC on the host's pipes (P-JSONRPC). One task reads; the calls of each line have one of their
//! own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use serde::{Deserialize, Deserializer};
use serde_json::{json, value::RawValue};
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::unix::pipe,
    sync::Mutex,
};

use crate::{
    launch::{Failure, Launch},
    session::{Answer, Call, Context, MAX_CALLS, Place, Session, known},
    status::Error,
    wire::{Codec, MAX_MESSAGE, json},
};

const MAX_LINE: usize = MAX_MESSAGE + (64 << 10); // P-JSONRPC-1
const MAX_BATCH: usize = MAX_CALLS; // P-JSONRPC-7

// The errors of JSON-RPC's own (P-JSONRPC-6).
const PARSE_ERROR: &str =
    r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
const INVALID_REQUEST: &str =
    r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}"#;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;

/// Serves until stdin ends (P-STOP-2).
pub async fn serve(mut launch: Launch) -> Result<(), Failure> {
    launch.handshake("stdio")?;
    let server = Arc::new(Server {
        session: Session::new(),
        out: Mutex::new(pipe::Sender::from_file(launch.stdout)?),
        in_flight: StdMutex::default(),
    });
    let mut input = BufReader::with_capacity(64 << 10, pipe::Receiver::from_file(launch.stdin)?);
    loop {
        match read_line(&mut input, MAX_LINE).await? {
            Line::End => return Ok(()),
            Line::Long => {
                let error = Error::too_large("line", MAX_LINE);
                server.write(error_response(error, "null").into()).await;
            }
            Line::Text(line) if line.trim_ascii().is_empty() => {}
            Line::Text(line) => server.accept(line.into()).await,
        }
    }
}

enum Line {
    Text(Vec<u8>),
    Long,
    End,
}

/// Reads a line without its LF. One over the limit is read to its end. A line that has no end is cut
/// off, and is none.
async fn read_line(input: &mut (impl AsyncBufRead + Unpin), limit: usize) -> std::io::Result<Line> {
    let mut line = Vec::new();
    (&mut *input).take(limit as u64 + 1).read_until(b'\n', &mut line).await?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Line::Text(line));
    }
    if line.len() <= limit {
        return Ok(Line::End);
    }
    drop(line);
    loop {
        let part = input.fill_buf().await?;
        let (used, end) = match part.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None if part.is_empty() => return Ok(Line::End),
            None => (part.len(), false),
        };
        input.consume(used);
        if end {
            return Ok(Line::Long);
        }
    }
}

struct Server {
    session: Arc<Session>,
    out: Mutex<pipe::Sender>,
    in_flight: StdMutex<InFlight>,
}

/// The calls that can be cancelled, in the order of their coming. Two may have one id (P-JSONRPC-8).
#[derive(Default)]
struct InFlight {
    calls: BTreeMap<u64, (Id, Context)>,
    next: u64,
}

/// One request of a line: the line itself, or an item of a batch.
struct Element {
    /// Its number in flight.
    number: u64,
    /// As it was written; none for a notification.
    id: Option<String>,
    method: String,
    params: Option<Bytes>,
    context: Context,
}

/// A request object, each member as it was written. A member that is null is there.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "there")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "there")]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow, default, deserialize_with = "there")]
    request: Option<&'a RawValue>,
    #[serde(default)]
    timeout_us: Option<i64>,
}

#[derive(Deserialize)]
struct Cancel<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
}

fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// An id that is equal for equal ids, however a text is escaped.
#[derive(PartialEq, Eq)]
enum Id {
    Text(String),
    Other(String),
}

impl From<&str> for Id {
    fn from(written: &str) -> Self {
        match serde_json::from_str(written) {
            Ok(text) => Id::Text(text),
            Err(_) => Id::Other(written.into()),
        }
    }
}

impl Server {
    fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one line whole. A host that has gone is noticed by the reader.
    async fn write(&self, mut line: Vec<u8>) {
        line.push(b'\n');
        let _ = self.out.lock().await.write_all(&line).await;
    }

    /// Begins what a line asks for.
    async fn accept(self: &Arc<Self>, line: Bytes) {
        let text = str::from_utf8(&line).unwrap_or_default();
        let Ok(whole) = serde_json::from_str::<&RawValue>(text) else {
            return self.write(PARSE_ERROR.into()).await;
        };
        if json::repeated(text).is_some() {
            return self.write(PARSE_ERROR.into()).await;
        }
        if !whole.get().starts_with('[') {
            return self.start(&line, &[whole], false).await;
        }
        let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
        match items.len() {
            0 => self.write(INVALID_REQUEST.into()).await,
            1..=MAX_BATCH => self.start(&line, &items, true).await,
            _ => {
                let error = Error::too_many_calls(MAX_BATCH);
                self.write(error_response(error, "null").into()).await;
            }
        }
    }

    /// Runs the calls of one line beside the reader, one after the other. They are in flight from now
    /// on, so that a cancel on the next line finds them (P-JSONRPC-4).
    async fn start(self: &Arc<Self>, line: &Bytes, items: &[&RawValue], batch: bool) {
        let mut elements = Vec::new();
        for item in items {
            match self.element(line, item) {
                Some(Element { id: None, method, params, number, .. }) if method == "cancel" => {
                    self.in_flight().calls.remove(&number);
                    self.cancel(params.as_deref().unwrap_or_default());
                }
                element => elements.push(element),
            }
        }
        if elements.is_empty() {
            return;
        }
        match self.session.begin() {
            Ok(place) => {
                let server = self.clone();
                tokio::spawn(async move { server.run(elements, batch, &Ok(place)).await });
            }
            refused => self.run(elements, batch, &refused).await,
        }
    }

    /// Judges one request object and puts it in flight.
    fn element(&self, line: &Bytes, item: &RawValue) -> Option<Element> {
        let is = |value: &RawValue, begins: &[char]| value.get().starts_with(begins);
        let object = Some(item).filter(|item| is(item, &['{']))?;
        let envelope: Envelope = serde_json::from_str(object.get()).ok()?;
        let version: &str = serde_json::from_str(envelope.jsonrpc?.get()).ok()?;
        let method = envelope.method.filter(|method| is(method, &['"']))?;
        let id_is_fine = |id| !is(id, &['{', '[', 't', 'f']);
        if version != "2.0"
            || !envelope.id.is_none_or(id_is_fine)
            || !envelope.params.is_none_or(|params| is(params, &['{', '[']))
        {
            return None;
        }
        let id = envelope.id.map(|id| id.get().to_owned());
        let context = Context::default();
        let mut in_flight = self.in_flight();
        let number = in_flight.next;
        in_flight.next += 1;
        if let Some(id) = &id {
            in_flight.calls.insert(number, (id.as_str().into(), context.clone()));
        }
        Some(Element {
            number,
            id,
            // A name with a lone surrogate is no method either.
            method: serde_json::from_str(method.get()).unwrap_or_else(|_| method.get().into()),
            params: envelope.params.map(|params| line.slice_ref(params.get().as_bytes())),
            context,
        })
    }

    fn cancel(&self, params: &[u8]) {
        if let Ok(Cancel { id }) = serde_json::from_slice(params) {
            let id = Id::from(id.get());
            for (_, context) in self.in_flight().calls.values().filter(|call| call.0 == id) {
                context.cancelled.cancel();
            }
        }
    }

    /// Carries out the calls of a line and writes their responses as one line.
    async fn run(
        self: &Arc<Self>,
        elements: Vec<Option<Element>>,
        batch: bool,
        place: &Result<Place, Error>,
    ) {
        let mut responses: Vec<Vec<u8>> = Vec::new();
        for element in elements {
            match element {
                None => responses.push(INVALID_REQUEST.into()),
                Some(element) => {
                    let number = element.number;
                    responses.extend(self.respond(element, place.clone()).await);
                    self.in_flight().calls.remove(&number);
                }
            }
        }
        match responses.len() {
            0 => {}
            1 if !batch => self.write(responses.remove(0)).await,
            _ => self.write([b"[", &*responses.join(&b','), b"]"].concat()).await,
        }
    }

    /// Carries out one call and returns its response, none for a notification.
    async fn respond(&self, element: Element, place: Result<Place, Error>) -> Option<Vec<u8>> {
        let id = element.id.clone();
        let result = match place {
            Ok(place) => self.call(element, place).await,
            Err(refused) => Err(refused),
        };
        let id = id?;
        Some(match result {
            Err(error) => error_response(error, &id).into(),
            Ok(result) => {
                let parts: [&[u8]; 5] =
                    [br#"{"jsonrpc":"2.0","result":"#, &result, br#","id":"#, id.as_bytes(), b"}"];
                parts.concat()
            }
        })
    }

    async fn call(&self, element: Element, place: Place) -> Result<Bytes, Error> {
        let Element { id, method, params, mut context, .. } = element;
        let mut request = None;
        // If there is no such method the name is the mistake, not the params (P-RPC-3).
        if known(&method) {
            let params = params.unwrap_or_default();
            let read = read_params(&params)?;
            request = read.request.map(|request| params.slice_ref(request.get().as_bytes()));
            let timeout = read.timeout_us.map(|micros| Duration::from_micros(micros.max(0) as u64));
            context.deadline = Context::new(timeout).deadline;
        }
        let call = Call { method, codec: Codec::Json, context };
        let request = async {
            match request {
                None => Err(Error::unreadable("request", "it is missing")),
                Some(request) if request.len() > MAX_MESSAGE => {
                    Err(Error::too_large("request", MAX_MESSAGE))
                }
                Some(request) => Ok(request),
            }
        };
        match self.session.call(call, place, request).await? {
            Answer::Reply(reply) => Ok(reply),
            Answer::Stream(mut events) => {
                while let Some(event) = events.next().await {
                    let event = event?;
                    if let Some(id) = &id {
                        self.write(notification(id, &Codec::Json.encode(&event))).await;
                    }
                }
                Ok(Bytes::from_static(b"null"))
            }
        }
    }
}

/// Reads params, which are an object (P-JSONRPC-2).
fn read_params(params: &[u8]) -> Result<Params<'_>, Error> {
    if !params.starts_with(b"{") {
        return Err(Error::unreadable("", "params are not an object"));
    }
    serde_json::from_slice(params)
        .map_err(|error| Error::unreadable("timeout_us", &error.to_string()))
}

/// An event of a stream (P-JSONRPC-3).
fn notification(id: &str, event: &[u8]) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        br#"{"jsonrpc":"2.0","method":"event","params":{"id":"#,
        id.as_bytes(),
        br#","event":"#,
        event,
        b"}}",
    ];
    parts.concat()
}

/// An error as P-JSONRPC-5 has it.
fn error_response(error: Error, id: &str) -> String {
    let name = error.code.name();
    let whole = error.status();
    let details = whole.details.unwrap_or_default();
    let (code, message) = match details.reason.as_str() {
        "UNREADABLE_REQUEST" => (INVALID_PARAMS, whole.message.as_str()),
        "UNKNOWN_METHOD" => (METHOD_NOT_FOUND, "Method not found"),
        _ => (-32000 - whole.code, whole.message.as_str()),
    };
    let data = json!({ "code": name, "details": details });
    let error = json!({ "code": code, "message": message, "data": data });
    format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#)
}

#[cfg(test)]
mod tests {
    use tokio::io::BufReader;

    use super::{Line, read_line};

    #[tokio::test]
    async fn a_line_over_the_limit_is_read_to_its_end() {
        let text = b"12345678\n123456789\n\n1234567890123456789\nab\ncut off";
        let mut input = BufReader::with_capacity(4, &text[..]);
        let mut lines = Vec::new();
        loop {
            lines.push(match read_line(&mut input, 8).await.unwrap() {
                Line::Text(line) => String::from_utf8(line).unwrap(),
                Line::Long => "long".into(),
                Line::End => break,
            });
        }
        assert_eq!(lines, ["12345678", "long", "", "long", "ab"]);
    }
}
