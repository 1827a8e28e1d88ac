//! HTTP/1.1 (P-HTTP), with hyper. What is no HTTP at all hyper refuses in its own words.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING},
};
use http_body_util::{
    BodyExt, Full, LengthLimitError, Limited, StreamBody, combinators::UnsyncBoxBody,
};
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::Message;
use serde::Serialize;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::UnixStream,
    select,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    grpc::SERVICE,
    launch::Secret,
    session::{Answer, Call, Context, EventStream, Session},
    socket::Serve,
    status::{Code, Error},
    wire::{Codec, MAX_MESSAGE, pb::ErrorDetails},
};

const MAX_HEADERS: usize = 64 << 10; // P-AUTH-4, as are the next three
const STILL: Duration = Duration::from_secs(10); // how long a connection may keep still before the secret
const LONGEST: Duration = Duration::from_secs(20); // how long it may take to show the secret
const MAX_STRANGERS: usize = 64; // connections that have not shown it
const MAX_TIMEOUT: u64 = 1_000_000_000_000_000_000; // microseconds (P-HTTP-2)

/// Each codec with its media types of a message and of a stream (P-HTTP-1, P-HTTP-4).
const MEDIA_TYPES: [(Codec, &str, &str); 2] = [
    (Codec::Json, "application/json", "application/x-ndjson"),
    (Codec::Protobuf, "application/x-protobuf", "application/x-protobuf-stream"),
];

type Body = UnsyncBoxBody<Bytes, Infallible>;

pub struct Server {
    secret: Secret,
    session: Arc<Session>,
    /// The connections that have not shown the secret, the oldest first.
    strangers: Mutex<VecDeque<Arc<Visitor>>>,
}

/// A connection, as long as it has not shown the secret.
struct Visitor {
    came: Instant,
    last_read: Mutex<Instant>,
    known: CancellationToken,
    turned_out: CancellationToken,
}

impl Visitor {
    /// Ends if the connection has to.
    async fn overstays(&self) {
        let slow = async {
            loop {
                let last = *self.last_read.lock().unwrap_or_else(PoisonError::into_inner);
                let end = (last + STILL).min(self.came + LONGEST);
                if end <= Instant::now() {
                    return;
                }
                sleep_until(end).await;
            }
        };
        select! {
            () = self.known.cancelled() => std::future::pending().await,
            () = self.turned_out.cancelled() => {}
            () = slow => {}
        }
    }
}

impl Serve for Server {
    async fn connection(self: Arc<Self>, stream: UnixStream) {
        let visitor = self.enter();
        let io = TokioIo::new(Watched { stream, visitor: visitor.clone() });
        let service = service_fn(|request| {
            let (server, visitor) = (self.clone(), visitor.clone());
            async move { Ok::<_, Infallible>(server.answer(request, &visitor).await) }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(None) // the visitor has bounds of its own
            .max_header_size(MAX_HEADERS)
            .serve_connection(io, service);
        select! {
            _ = serving => {} // a host that has gone ends only its connection
            () = visitor.overstays() => {}
        }
        self.leave(&visitor);
    }
}

impl Server {
    pub fn new(secret: Secret) -> Self {
        Server { secret, session: Session::new(), strangers: Mutex::default() }
    }

    fn strangers(&self) -> MutexGuard<'_, VecDeque<Arc<Visitor>>> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a new connection, and ends the oldest of too many.
    fn enter(&self) -> Arc<Visitor> {
        let now = Instant::now();
        let visitor = Arc::new(Visitor {
            came: now,
            last_read: Mutex::new(now),
            known: CancellationToken::new(),
            turned_out: CancellationToken::new(),
        });
        let mut strangers = self.strangers();
        strangers.push_back(visitor.clone());
        if strangers.len() > MAX_STRANGERS
            && let Some(oldest) = strangers.pop_front()
        {
            oldest.turned_out.cancel();
        }
        visitor
    }

    /// A connection is no stranger any more: it has shown the secret, or is closed.
    fn leave(&self, visitor: &Arc<Visitor>) {
        if !visitor.known.is_cancelled() {
            visitor.known.cancel();
            self.strangers().retain(|stranger| !Arc::ptr_eq(stranger, visitor));
        }
    }

    async fn answer(&self, request: Request<Incoming>, visitor: &Arc<Visitor>) -> Response<Body> {
        let shown = request.headers().get_all("cronix-secret").iter();
        if !self.secret.is_shown(shown.map(|value| value.as_bytes())) {
            return closing(problem(Error::unauthenticated(), None));
        }
        self.leave(visitor);
        match admit(&request) {
            Ok(codec) => self.call(request, codec).await.unwrap_or_else(|error| {
                let close =
                    matches!(&*error.details.reason, "MESSAGE_TOO_LARGE" | "MALFORMED_HTTP");
                let response = problem(error, None);
                if close { closing(response) } else { response }
            }),
            Err((error, status)) => closing(problem(error, Some(status))),
        }
    }

    async fn call(
        &self,
        request: Request<Incoming>,
        codec: Codec,
    ) -> Result<Response<Body>, Error> {
        let place = self.session.begin()?;
        let context = Context::new(time_left(request.headers())?);
        let path = request.uri().path();
        let method = path.strip_prefix(SERVICE).unwrap_or(path).to_owned();
        let call = Call { method, codec, context: context.clone() };
        let (message, stream) = media_types(codec);
        match self.session.call(call, place, receive(request.into_body(), context)).await? {
            Answer::Reply(reply) => Ok(response(StatusCode::OK, message, full(reply))),
            // Before the first event an error is a problem document (P-HTTP-4).
            Answer::Stream(mut events) => match events.next().await {
                Some(Err(error)) => Err(error),
                first => {
                    let events: EventStream = Box::pin(stream::iter(first).chain(events));
                    Ok(response(StatusCode::OK, stream, frames(events, codec)))
                }
            },
        }
    }
}

/// Refuses what is no call, with the HTTP status of the refusal (P-HTTP-5).
fn admit(request: &Request<Incoming>) -> Result<Codec, (Error, StatusCode)> {
    let headers = request.headers();
    if request.version() != Version::HTTP_11 {
        return Err((malformed("not HTTP/1.1"), StatusCode::HTTP_VERSION_NOT_SUPPORTED));
    }
    if request.method() != Method::POST {
        let details = ErrorDetails {
            reason: "HTTP_METHOD".into(),
            expected: "POST".into(),
            got: request.method().to_string(),
            ..Default::default()
        };
        let error = Error::new(Code::Unimplemented, "the method is not POST", details);
        return Err((error, StatusCode::METHOD_NOT_ALLOWED));
    }
    let media: Vec<&[u8]> =
        headers.get_all(CONTENT_TYPE).iter().map(|value| value.as_bytes()).collect();
    let media = String::from_utf8_lossy(&media.join(&b", "[..])).into_owned();
    let Some((codec, ..)) = MEDIA_TYPES.iter().find(|(_, message, _)| *message == media) else {
        let message = format!("no media type {media:?}");
        let details = ErrorDetails {
            reason: "MEDIA_TYPE".into(),
            expected: "application/json or application/x-protobuf".into(),
            got: media,
            ..Default::default()
        };
        let error = Error::new(Code::InvalidArgument, message, details);
        return Err((error, StatusCode::UNSUPPORTED_MEDIA_TYPE));
    };
    let length: Option<u64> =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_none() && !headers.contains_key(TRANSFER_ENCODING) {
        let error = malformed("neither Content-Length nor chunked");
        return Err((error, StatusCode::LENGTH_REQUIRED));
    }
    if length > Some(MAX_MESSAGE as u64) {
        let error = Error::too_large("request", MAX_MESSAGE);
        return Err((error, StatusCode::PAYLOAD_TOO_LARGE));
    }
    Ok(*codec)
}

fn malformed(problem: &str) -> Error {
    let reason = "MALFORMED_HTTP".into();
    Error::new(Code::InvalidArgument, problem, ErrorDetails { reason, ..Default::default() })
}

fn media_types(codec: Codec) -> (&'static str, &'static str) {
    let row = &MEDIA_TYPES[usize::from(codec == Codec::Protobuf)];
    (row.1, row.2)
}

/// The time that is left by `Cronix-Timeout-Us` (P-DEADLINE-1, P-HTTP-2).
fn time_left(headers: &HeaderMap) -> Result<Option<Duration>, Error> {
    let mut values = headers.get_all("cronix-timeout-us").iter();
    let (Some(value), more) = (values.next(), values.next()) else {
        return Ok(None);
    };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    match number.filter(|number| *number <= MAX_TIMEOUT && more.is_none()) {
        Some(number) => Ok(Some(Duration::from_micros(number))),
        None => Err(malformed("Cronix-Timeout-Us is not 0 to 10^18")),
    }
}

async fn receive(body: Incoming, context: Context) -> Result<Bytes, Error> {
    let collected = select! {
        collected = Limited::new(body, MAX_MESSAGE).collect() => collected,
        error = context.ended() => return Err(error),
    };
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Error::too_large("request", MAX_MESSAGE))
        }
        Err(_) => Err(malformed("the body is cut off, or its chunks cannot be read")),
    }
}

/// A stream in the form of its codec, with the Status at its end (P-HTTP-4).
fn frames(events: EventStream, codec: Codec) -> Body {
    let frames = stream::unfold(Some(events), move |events| async move {
        let mut events = events?;
        Some(match events.next().await {
            Some(Ok(event)) => (framed(codec, "event", 0, &event), Some(events)),
            end => {
                let status = end.and_then(Result::err).map(Error::status);
                (framed(codec, "status", 1, &status.unwrap_or_default()), None)
            }
        })
    });
    StreamBody::new(frames.map(|bytes| Ok(Frame::data(bytes)))).boxed_unsync()
}

fn framed<T: Message + Serialize>(codec: Codec, name: &str, kind: u8, message: &T) -> Bytes {
    let mut out = Vec::new();
    match codec {
        Codec::Json => {
            out.extend_from_slice(format!("{{\"{name}\":").as_bytes());
            codec.append(&mut out, message);
            out.extend_from_slice(b"}\n");
        }
        Codec::Protobuf => {
            out.push(kind);
            out.extend_from_slice(&(message.encoded_len() as u32).to_be_bytes());
            codec.append(&mut out, message);
        }
    }
    out.into()
}

/// An error as a problem document (P-HTTP-3); `status` where it is not the error's usual one.
fn problem(error: Error, status: Option<StatusCode>) -> Response<Body> {
    let (code, too_large) = (error.code, error.details.reason == "MESSAGE_TOO_LARGE");
    let usual = if too_large { 413 } else { code.http() };
    let status = status.or(StatusCode::from_u16(usual).ok()).unwrap_or_default();
    let whole = error.status();
    let document = json!({
        "type": format!("urn:cronix:code:{}", code.name()),
        "title": code.name(),
        "status": status.as_u16(),
        "detail": whole.message,
        "code": code.name(),
        "details": whole.details,
    });
    response(status, "application/problem+json", full(document.to_string().into()))
}

fn response(status: StatusCode, media: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).boxed_unsync()
}

/// A connection that notes when bytes came.
struct Watched {
    stream: UnixStream,
    visitor: Arc<Visitor>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> task::Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            *self.visitor.last_read.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        data: &[u8],
    ) -> task::Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> task::Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> task::Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> task::Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
