//! gRPC (P-GRPC): tonic's messages, metadata and statuses on hyper's HTTP/2.
//!
//! Services that tonic-prost-build generates have read and decoded a message before their code runs,
//! and answer one that cannot be read with an error of their own. The protocol wants the secret first
//! (P-AUTH-2), and has a say in that error, so one handler takes all calls and gets bytes.

use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf, BufMut, Bytes};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, join},
    net::UnixStream,
    select,
    time::timeout,
};
use tonic::{
    Status, Streaming,
    body::Body,
    codec::{DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{MetadataMap, MetadataValue},
    server::{Grpc, StreamingService},
};

use crate::{
    launch::Secret,
    session::{Answer, Call, Context, Place, Session},
    socket::Serve,
    status::{Code, Error},
    wire::{Codec, MAX_MESSAGE, pb::ErrorDetails},
};

pub const SERVICE: &str = "/cronix.backend.v1.Backend/";

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PREFACE_TIME: Duration = Duration::from_secs(10); // P-AUTH-4
const MAX_HEADERS: u32 = 64 << 10; // P-AUTH-4; hyper's own bound is 16 KiB
const MAX_GRPC_MESSAGE: usize = 1024; // of grpc-message, percent-encoded (P-GRPC-3)

pub struct Server {
    secret: Secret,
    session: Arc<Session>,
}

impl Serve for Server {
    async fn connection(self: Arc<Self>, mut stream: UnixStream) {
        let mut preface = [0; PREFACE.len()];
        match timeout(PREFACE_TIME, stream.read_exact(&mut preface)).await {
            Ok(Ok(_)) if preface == *PREFACE => {}
            _ => return,
        }
        let (reader, writer) = stream.into_split();
        let whole = join(AsyncReadExt::chain(&PREFACE[..], reader), writer);
        let service = service_fn(|request| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        // A host that has gone, or does not speak HTTP/2, ends only its connection.
        let _ = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEADERS)
            .serve_connection(TokioIo::new(whole), service)
            .await;
    }
}

impl Server {
    pub fn new(secret: Secret) -> Self {
        Server { secret, session: Session::new() }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (codec, admitted) = self.admit(request.headers());
        let (place, context) = match admitted {
            Ok(admitted) => admitted,
            Err(error) => return status(error, codec).into_http(),
        };
        let path = request.uri().path();
        let method = path.strip_prefix(SERVICE).unwrap_or(path).to_owned();
        let call = Call { method, codec, context };
        let handler = Handler { session: self.session.clone(), call: Some((call, place)) };
        Grpc::new(Raw).max_decoding_message_size(MAX_MESSAGE).streaming(handler, request).await
    }

    /// Looks at a call's metadata, before any of its message is read. Returns the codec of the answer
    /// besides, which is protobuf where the call names none, or an unknown one (P-GRPC-3).
    fn admit(&self, headers: &HeaderMap) -> (Codec, Result<(Place, Context), Error>) {
        let named = codec(headers);
        let codec = *named.as_ref().unwrap_or(&Codec::Protobuf);
        let shown = headers.get_all("cronix-secret").iter().map(|value| value.as_bytes());
        if !self.secret.is_shown(shown) {
            return (codec, Err(Error::unauthenticated()));
        }
        let admitted = named.and_then(|_| {
            let context = Context::new(time_left(headers)?);
            Ok((self.session.begin()?, context))
        });
        (codec, admitted)
    }
}

/// The codec that a call names (P-GRPC-2).
fn codec(headers: &HeaderMap) -> Result<Codec, Error> {
    let names: Vec<&[u8]> =
        headers.get_all("cronix-codec").iter().map(|value| value.as_bytes()).collect();
    match names[..] {
        [] | [b"protobuf"] => Ok(Codec::Protobuf),
        [b"json"] => Ok(Codec::Json),
        _ => {
            let got = String::from_utf8_lossy(&names.join(&b", "[..])).into_owned();
            let message = format!("no codec {got:?}");
            let details = ErrorDetails {
                reason: "UNKNOWN_CODEC".into(),
                expected: "protobuf, json".into(),
                got,
                ..Default::default()
            };
            Err(Error::new(Code::Unimplemented, message, details))
        }
    }
}

/// The time that is left by `grpc-timeout`: up to eight digits and a unit (P-DEADLINE-1).
fn time_left(headers: &HeaderMap) -> Result<Option<Duration>, Error> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let parse = || {
        let (number, unit) = value.to_str().ok()?.split_at_checked(value.len().checked_sub(1)?)?;
        let number: u64 = number.parse().ok().filter(|_| number.len() <= 8)?;
        Some(match unit {
            "H" => Duration::from_secs(number * 3600),
            "M" => Duration::from_secs(number * 60),
            "S" => Duration::from_secs(number),
            "m" => Duration::from_millis(number),
            "u" => Duration::from_micros(number),
            "n" => Duration::from_nanos(number),
            _ => return None,
        })
    };
    parse().map(Some).ok_or_else(|| Error::unreadable("grpc-timeout", "it is no time"))
}

/// Carries out one call.
struct Handler {
    session: Arc<Session>,
    call: Option<(Call, Place)>,
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl StreamingService<Bytes> for Handler {
    type Response = Bytes;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;
    type Future = Boxed<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Bytes>>) -> Self::Future {
        let session = self.session.clone();
        let call = self.call.take();
        Box::pin(async move {
            let (call, place) =
                call.ok_or_else(|| Status::internal("a handler is for one call"))?;
            let codec = call.codec;
            let request = receive(request.into_inner(), call.context.clone());
            let answer = session.call(call, place, request).await;
            let stream: Self::ResponseStream = match answer.map_err(|e| status(e, codec))? {
                Answer::Reply(reply) => Box::pin(stream::iter([Ok(reply)])),
                Answer::Stream(events) => Box::pin(events.map(move |event| match event {
                    Ok(event) => Ok(codec.encode(&event).into()),
                    Err(error) => Err(status(error, codec)),
                })),
            };
            Ok(tonic::Response::new(stream))
        })
    }
}

/// Reads the call's one message. tonic says OUT_OF_RANGE of one over the limit.
async fn receive(mut stream: Streaming<Bytes>, context: Context) -> Result<Bytes, Error> {
    let received = select! {
        received = stream.message() => received,
        error = context.ended() => return Err(error),
    };
    match received {
        Ok(Some(data)) => Ok(data),
        Ok(None) => Err(Error::unreadable("", "the call has no message")),
        Err(status) if status.code() == tonic::Code::OutOfRange => {
            Err(Error::too_large("request", MAX_MESSAGE))
        }
        Err(status) => Err(Error::unreadable("", status.message())),
    }
}

/// An error with the whole Status in its trailer (P-GRPC-3).
fn status(error: Error, codec: Codec) -> Status {
    let whole = error.status();
    let mut metadata = MetadataMap::new();
    let value = MetadataValue::from_bytes(&codec.encode(&whole));
    metadata.insert_bin("cronix-status-bin", value);
    let code = tonic::Code::from_i32(whole.code);
    Status::with_metadata(code, cut_encoded(&whole.message), metadata)
}

/// Cuts a text so that it is within its bound once it is percent-encoded: tonic encodes more than gRPC
/// asks for, but no letter and no digit.
fn cut_encoded(text: &str) -> &str {
    let mut length = 0;
    for (at, char) in text.char_indices() {
        length += if char.is_ascii_alphanumeric() { 1 } else { 3 * char.len_utf8() };
        if length > MAX_GRPC_MESSAGE {
            return &text[..at];
        }
    }
    text
}

/// tonic's codec that leaves messages as bytes.
#[derive(Clone, Copy)]
struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, data: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(data.copy_to_bytes(data.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_GRPC_MESSAGE, cut_encoded};

    #[test]
    fn a_text_is_cut_as_it_is_encoded() {
        for text in ["é".repeat(9000), "a b".repeat(9000), "x".repeat(9000), "%\n".repeat(9000)] {
            let encoded = tonic::Status::aborted(cut_encoded(&text)).into_http::<String>();
            let length = encoded.headers()["grpc-message"].len();
            assert!((MAX_GRPC_MESSAGE - 6..=MAX_GRPC_MESSAGE).contains(&length), "{length}");
        }
        assert_eq!(cut_encoded("it is short"), "it is short");
    }
}
