//! What every transport calls: the session's state, the nine RPCs, the bound on calls at once, and what
//! becomes of a bug.

use std::{
    any::Any,
    collections::BTreeSet,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use prost::Message;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    select,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    faults::Faults,
    memory::Store,
    status::{Code, Error},
    wire::{
        Codec, KnownEnums,
        pb::{
            ApplyEvent, ApplyRequest, CloseSessionReply, CloseSessionRequest, ErrorDetails,
            OpenSessionReply, OpenSessionRequest, ReadRequest,
        },
    },
};

pub const NAME: &str = "memory";
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bounds how many calls are carried out at once (P-LIMIT-2).
pub const MAX_CALLS: usize = 128;

const VERSIONS: [i32; 1] = [1];
const CAPABILITIES: [&str; 7] =
    ["read", "plan", "apply", "drift", "prune", "adopt", "verify-ownership"];

/// How long a call may go on: until its deadline, or until the host cancels it.
#[derive(Clone, Default)]
pub struct Context {
    pub deadline: Option<Instant>,
    pub cancelled: CancellationToken,
}

impl Context {
    /// A call that has this much time left (P-DEADLINE-1). More than a century is no deadline.
    pub fn new(timeout: Option<Duration>) -> Self {
        const LONG: Duration = Duration::from_secs(100 * 366 * 86400);
        let timeout = timeout.filter(|timeout| *timeout < LONG);
        Context {
            deadline: timeout.map(|timeout| Instant::now() + timeout),
            cancelled: CancellationToken::new(),
        }
    }

    pub fn check(&self) -> Result<(), Error> {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Error::late());
        }
        if self.cancelled.is_cancelled() {
            return Err(Error::cancelled());
        }
        Ok(())
    }

    /// Waits until the call has to end, and says why.
    pub async fn ended(&self) -> Error {
        let late = async {
            match self.deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        select! {
            () = late => Error::late(),
            () = self.cancelled.cancelled() => Error::cancelled(),
        }
    }

    /// Sleeps, but not beyond the call's end.
    pub async fn wait(&self, duration: Duration) -> Result<(), Error> {
        select! {
            () = sleep(duration) => self.check(),
            error = self.ended() => Err(error),
        }
    }
}

/// Where the events of a stream go. The other end is gone when nobody reads them any more.
pub struct Events(mpsc::Sender<ApplyEvent>);

impl Events {
    /// A stream with its other end. It holds one event: the work waits for whoever reads them.
    pub fn channel() -> (Self, mpsc::Receiver<ApplyEvent>) {
        let (sender, receiver) = mpsc::channel(1);
        (Events(sender), receiver)
    }

    pub async fn send(&self, context: &Context, event: ApplyEvent) -> Result<(), Error> {
        select! {
            biased;
            sent = self.0.send(event) => sent.map_err(|_| Error::cancelled()),
            error = context.ended() => Err(error),
        }
    }
}

/// One call, as a transport hands it over.
pub struct Call {
    pub method: String,
    pub codec: Codec,
    pub context: Context,
}

/// A place among the calls at once: from [`Session::begin`], and given back when it is dropped.
pub type Place = Arc<OwnedSemaphorePermit>;

/// What a call is answered with. Dropping it cancels the call.
pub enum Answer {
    Reply(Bytes),
    Stream(EventStream),
}

/// The events of a stream, and the error that it may end with.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<ApplyEvent, Error>> + Send>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NotOpen,
    Open,
    Closed,
}

/// The one session of this process.
pub struct Session {
    state: Mutex<State>,
    places: Arc<Semaphore>,
    store: Store,
    faults: OnceLock<Faults>,
}

/// Whether there is such an RPC.
pub fn known(method: &str) -> bool {
    matches!(
        method,
        "OpenSession"
            | "Read"
            | "Plan"
            | "Apply"
            | "Drift"
            | "Prune"
            | "Adopt"
            | "VerifyOwnership"
            | "CloseSession"
    )
}

impl Session {
    pub fn new() -> Arc<Self> {
        Arc::new(Session {
            state: Mutex::new(State::NotOpen),
            places: Arc::new(Semaphore::new(MAX_CALLS)),
            store: Store::default(),
            faults: OnceLock::new(),
        })
    }

    /// Gives a call its place among those at once, or refuses it.
    pub fn begin(&self) -> Result<Place, Error> {
        let place = self.places.clone().try_acquire_owned();
        place.map(Arc::new).map_err(|_| Error::too_many_calls(MAX_CALLS))
    }

    /// Carries out one call. `request` is awaited once the method is known. The work is a task of its
    /// own, so that a bug in it ends only that (P-ERR-5).
    pub async fn call(
        self: &Arc<Self>,
        call: Call,
        place: Place,
        request: impl Future<Output = Result<Bytes, Error>> + Send + 'static,
    ) -> Result<Answer, Error> {
        let guard = call.context.cancelled.clone().drop_guard();
        let session = self.clone();
        if call.method != "Apply" {
            let task = tokio::spawn(async move {
                let _place = place;
                session.unary(&call, request).await
            });
            let reply = task.await.unwrap_or_else(|bug| Err(panic_error(bug.into_panic())))?;
            return Ok(Answer::Reply(reply));
        }
        let (sender, receiver) = Events::channel();
        let task = tokio::spawn(async move {
            let _place = place;
            session.apply(&call, request, sender).await
        });
        let state = (receiver, Some(task), guard);
        let events = stream::unfold(state, |(mut receiver, mut task, guard)| async move {
            if let Some(event) = receiver.recv().await {
                return Some((Ok(event), (receiver, task, guard)));
            }
            let result = task.take()?.await;
            let result = result.unwrap_or_else(|bug| Err(panic_error(bug.into_panic())));
            result.err().map(|error| (Err(error), (receiver, None, guard)))
        });
        Ok(Answer::Stream(Box::pin(events)))
    }

    async fn unary(
        &self,
        call: &Call,
        request: impl Future<Output = Result<Bytes, Error>>,
    ) -> Result<Bytes, Error> {
        if !known(&call.method) {
            let details = ErrorDetails {
                reason: "UNKNOWN_METHOD".into(),
                got: call.method.clone(),
                ..Default::default()
            };
            let message = format!("no method {:?}", call.method);
            return Err(Error::new(Code::Unimplemented, message, details));
        }
        let data = request.await?;
        let (store, method) = (&self.store, call.method.as_str());
        match method {
            "OpenSession" => {
                let request = self.ready(call, &data, State::NotOpen)?;
                call.codec.encode_reply(&self.open(&call.context, request).await?)
            }
            "CloseSession" => {
                let CloseSessionRequest {} = self.ready(call, &data, State::Open)?;
                self.step(State::Open, State::Closed)?;
                call.codec.encode_reply(&CloseSessionReply {})
            }
            "Read" => {
                let request: ReadRequest = self.ready(call, &data, State::Open)?;
                if let Some(reply) = self.faults().read(&call.context, &request).await? {
                    return call.codec.encode_reply(&reply);
                }
                call.codec.encode_reply(&store.read(&request))
            }
            "Plan" => self.operation(call, &data, |request| store.plan(request)).await,
            "Drift" => self.operation(call, &data, |request| store.drift(request)).await,
            "Prune" => self.operation(call, &data, |request| store.prune(request)).await,
            "Adopt" => self.operation(call, &data, |request| store.adopt(request)).await,
            _ => self.operation(call, &data, |request| store.verify_ownership(request)).await,
        }
    }

    async fn operation<Q, R>(
        &self,
        call: &Call,
        data: &[u8],
        run: impl Fn(Q) -> Result<R, Error>,
    ) -> Result<Bytes, Error>
    where
        Q: Message + Default + DeserializeOwned + KnownEnums + OfApp,
        R: Message + Serialize,
    {
        let request: Q = self.ready(call, data, State::Open)?;
        self.faults().strike(&call.context, &call.method, request.app()).await?;
        call.codec.encode_reply(&run(request)?)
    }

    async fn apply(
        &self,
        call: &Call,
        request: impl Future<Output = Result<Bytes, Error>>,
        events: Events,
    ) -> Result<(), Error> {
        let data = request.await?;
        let request: ApplyRequest = self.ready(call, &data, State::Open)?;
        let plan = request.plan.unwrap_or_default();
        self.faults().apply(&call.context, &self.store, plan, &events).await
    }

    /// Reads a request, then looks whether it may be carried out now (P-RPC-3).
    fn ready<Q>(&self, call: &Call, data: &[u8], needed: State) -> Result<Q, Error>
    where
        Q: Message + Default + DeserializeOwned + KnownEnums,
    {
        let request = call.codec.decode(data)?;
        call.context.check()?;
        self.step(needed, needed)?;
        Ok(request)
    }

    /// Goes from one state to another, or refuses the call (P-SESSION-1).
    fn step(&self, from: State, to: State) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == from {
            *state = to;
            return Ok(());
        }
        let (reason, is) = match *state {
            State::NotOpen => ("SESSION_NOT_OPEN", "not open"),
            State::Open => ("SESSION_OPEN", "open already"),
            State::Closed => ("SESSION_CLOSED", "closed"),
        };
        let details = ErrorDetails { reason: reason.into(), ..Default::default() };
        Err(Error::new(Code::FailedPrecondition, format!("the session is {is}"), details))
    }

    fn faults(&self) -> &Faults {
        static NONE: Faults = Faults::none();
        self.faults.get().unwrap_or(&NONE)
    }

    async fn open(
        &self,
        context: &Context,
        request: OpenSessionRequest,
    ) -> Result<OpenSessionReply, Error> {
        let protocol_version = highest_common(&request.protocol_versions)?;
        let missing = |wanted: &&String| !CAPABILITIES.contains(&wanted.as_str());
        if let Some(wanted) = request.required_capabilities.iter().find(missing) {
            let details = ErrorDetails {
                reason: "CAPABILITY".into(),
                expected: wanted.clone(),
                got: CAPABILITIES.join(","),
                ..Default::default()
            };
            let message = format!("this plugin has no capability {wanted:?}");
            return Err(Error::new(Code::FailedPrecondition, message, details));
        }
        if let Some(name) = request.config.keys().find(|name| *name != "faults") {
            let details = ErrorDetails {
                reason: "UNKNOWN_CONFIG".into(),
                path: format!("config/{name}"),
                got: name.clone(),
                ..Default::default()
            };
            let message = format!("there is no configuration {name:?}");
            return Err(Error::new(Code::InvalidArgument, message, details));
        }
        let faults = Faults::parse(request.config.get("faults").map_or("", String::as_str))?;
        faults.strike(context, "OpenSession", "").await?;
        self.step(State::NotOpen, State::Open)?; // another OpenSession may have come between
        let _ = self.faults.set(faults);
        Ok(OpenSessionReply {
            protocol_version,
            plugin_name: NAME.into(),
            plugin_version: VERSION.into(),
            capabilities: CAPABILITIES.map(String::from).into(),
        })
    }
}

/// A request about one app.
pub trait OfApp {
    fn app(&self) -> &str;
}

macro_rules! of_app {
    ($($request:ident),+) => {
        $(impl OfApp for crate::wire::pb::$request {
            fn app(&self) -> &str {
                &self.app
            }
        })+
    };
}

of_app!(PlanRequest, DriftRequest, PruneRequest, AdoptRequest, VerifyOwnershipRequest);

/// Chooses the version of the protocol (P-SESSION-2).
fn highest_common(theirs: &[i32]) -> Result<i32, Error> {
    if let Some(best) = theirs.iter().filter(|version| VERSIONS.contains(version)).max() {
        return Ok(*best);
    }
    let older = if theirs.iter().max() > VERSIONS.iter().max() { "plugin" } else { "host" };
    let (expected, got) = (version_set(&VERSIONS), version_set(theirs));
    let message = format!("the plugin speaks protocol {expected}, the host {got}");
    let details = ErrorDetails {
        reason: "PROTOCOL_VERSION".into(),
        expected,
        got,
        action: format!("install a newer {older}"),
        ..Default::default()
    };
    Err(Error::new(Code::FailedPrecondition, message, details))
}

fn version_set(versions: &[i32]) -> String {
    let sorted: BTreeSet<i32> = versions.iter().copied().collect();
    let words: Vec<String> = sorted.iter().map(i32::to_string).collect();
    format!("{{{}}}", words.join(","))
}

/// The error of a bug (P-ERR-5). The panic hook has logged where it was.
fn panic_error(payload: Box<dyn Any + Send>) -> Error {
    let what = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of no text");
    let details = ErrorDetails { reason: "PANIC".into(), ..Default::default() };
    Error::new(Code::Internal, format!("{NAME} {VERSION}: panic: {what}"), details)
}
