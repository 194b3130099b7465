//! The door: one task for each tenant gathers the commands that wait, decides them in order and
//! commits them as one batch, so that one fsync is shared by all who wait.

mod batch;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::{Tasks, Tenant, Time, limits};
use parking_lot::Mutex;
use ports::{Clock, Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use trust::Call;

use crate::command::{Command, Done};
use crate::error::BrokerError;
use batch::Round;

/// Commands that one batch holds at most: bounds the time for which a round keeps others waiting.
const ROUND_COMMANDS_MAX: usize = 10_000;
/// Callers whose commands one batch gathers at most.
const ROUND_CALLERS_MAX: usize = 512;
/// Bytes for which one permit of the doors stands.
const PERMIT_BYTES: usize = 1_024;
/// Commands after which others on the same thread have their turn.
const TURN_COMMANDS: usize = 64;
/// How often a round is decided anew when somebody else wrote in between (another node on the
/// same database).
const ROUND_TRIES_MAX: usize = 5;

type Answer = Result<Vec<Result<Done, BrokerError>>, BrokerError>;

/// What one caller wants until when, and where the answer goes.
struct Errand {
    commands: Vec<Command>,
    deadline: Time,
    /// The room that the commands take; free again when they have been decided.
    room: OwnedSemaphorePermit,
    answer: oneshot::Sender<Answer>,
}

/// The doors of all tenants; each is opened by its first command.
#[derive(Debug)]
pub(crate) struct Doors {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    /// Room for what waits, in units of [`PERMIT_BYTES`].
    room: Arc<Semaphore>,
    open: Mutex<HashMap<Tenant, Door>>,
}

/// The outside of a door.
#[derive(Debug)]
struct Door {
    errands: mpsc::Sender<Errand>,
    /// Whether anything was committed through it.
    written: Arc<AtomicBool>,
}

impl std::fmt::Debug for Errand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Errand({} commands)", self.commands.len())
    }
}

impl Doors {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, tasks: Tasks) -> Self {
        Self {
            store,
            clock,
            tasks,
            room: Arc::new(Semaphore::new(limits::DOOR_BYTES_MAX / PERMIT_BYTES)),
            open: Mutex::default(),
        }
    }

    /// Whether the tenant was written to since the node started.
    pub(crate) fn has(&self, tenant: &Tenant) -> bool {
        let open = self.open.lock();
        open.get(tenant)
            .is_some_and(|door| door.written.load(Ordering::Acquire))
    }

    pub(crate) async fn pass(&self, call: &Call, commands: Vec<Command>) -> Answer {
        if call.is_late(self.clock.now()) {
            return Err(BrokerError::Late);
        }
        let door = self.door_of(&call.tenant)?;
        let room = self.room_for(&commands)?;
        let (answer, answered) = oneshot::channel();
        let errand = Errand {
            commands,
            deadline: call.deadline,
            room,
            answer,
        };
        door.try_send(errand).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => BrokerError::Busy,
            mpsc::error::TrySendError::Closed(_) => BrokerError::DoorClosed,
        })?;
        answered.await.unwrap_or(Err(BrokerError::DoorClosed))
    }

    /// Room for commands to wait in; those that are larger than all the room get it alone.
    fn room_for(&self, commands: &[Command]) -> Result<OwnedSemaphorePermit, BrokerError> {
        let bytes: usize = commands.iter().map(Command::bytes).sum();
        let permits = bytes.min(limits::DOOR_BYTES_MAX) / PERMIT_BYTES;
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        Arc::clone(&self.room)
            .try_acquire_many_owned(permits)
            .map_err(|_no_room| BrokerError::Busy)
    }

    fn door_of(&self, tenant: &Tenant) -> Result<mpsc::Sender<Errand>, BrokerError> {
        let mut open = self.open.lock();
        // A door whose keeper ended by a defect is opened anew.
        if let Some(door) = open.get(tenant)
            && !door.errands.is_closed()
        {
            return Ok(door.errands.clone());
        }
        if self.tasks.is_stopping() {
            return Err(BrokerError::DoorClosed);
        }
        if open.len() >= limits::TENANTS_MAX && !open.contains_key(tenant) {
            let reason = format!("a node has at most {} tenants", limits::TENANTS_MAX);
            return Err(BrokerError::Limit { reason });
        }
        let (sender, errands) = mpsc::channel(limits::DOOR_QUEUE_MAX);
        let door = Door {
            errands: sender.clone(),
            written: Arc::default(),
        };
        let keeper = Keeper {
            tenant: tenant.clone(),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            written: Arc::clone(&door.written),
        };
        open.insert(tenant.clone(), door);
        let tasks = self.tasks.clone();
        self.tasks
            .spawn("door", async move { keeper.keep(errands, tasks).await });
        Ok(sender)
    }
}

/// Keeps the door of one tenant.
struct Keeper {
    tenant: Tenant,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    written: Arc<AtomicBool>,
}

impl Keeper {
    /// Serves until the node stops; what waits then is still served.
    async fn keep(self, mut errands: mpsc::Receiver<Errand>, tasks: Tasks) {
        let mut waiting = Vec::with_capacity(ROUND_CALLERS_MAX);
        loop {
            let gathered = tokio::select! {
                biased;
                () = tasks.stopped() => {
                    errands.close();
                    errands.recv_many(&mut waiting, ROUND_CALLERS_MAX).await
                }
                gathered = errands.recv_many(&mut waiting, ROUND_CALLERS_MAX) => gathered,
            };
            if gathered == 0 {
                return;
            }
            let mut waiting = waiting.drain(..).peekable();
            while waiting.peek().is_some() {
                let mut round = Vec::new();
                let mut commands = 0;
                while let Some(errand) = waiting
                    .next_if(|e| commands == 0 || commands + e.commands.len() <= ROUND_COMMANDS_MAX)
                {
                    commands += errand.commands.len();
                    round.push(errand);
                }
                self.serve(round).await;
            }
        }
    }

    async fn serve(&self, errands: Vec<Errand>) {
        let now = self.clock.now();
        let (mut commands, mut answers) = (Vec::new(), Vec::new());
        // The room stays taken until the commands have been decided.
        let mut rooms = Vec::new();
        for errand in errands {
            if errand.deadline <= now {
                let _gone = errand.answer.send(Err(BrokerError::Late));
                continue;
            }
            commands.push(errand.commands);
            answers.push(errand.answer);
            rooms.push(errand.room);
        }
        match self.decide_and_commit(commands).await {
            Ok(results) => {
                for (answer, result) in answers.into_iter().zip(results) {
                    // The caller may have gone; what was done stays done.
                    let _gone = answer.send(Ok(result));
                }
            }
            Err(error) => {
                for answer in answers {
                    let _gone = answer.send(Err(BrokerError::Store(error.clone())));
                }
            }
        }
    }

    /// Decides all and commits what changes anything.
    async fn decide_and_commit(
        &self,
        errands: Vec<Vec<Command>>,
    ) -> Result<Vec<Vec<Result<Done, BrokerError>>>, StoreError> {
        let mut tries = 0;
        let mut errands = errands;
        loop {
            tries += 1;
            // The last copy of the commands is not needed when nobody else can write in between,
            // but only the store knows that.
            let again = (tries < ROUND_TRIES_MAX && self.store.has_other_writers())
                .then(|| errands.clone());
            let mut round = Round::new(&self.tenant, &*self.store, self.clock.now());
            let mut results = Vec::with_capacity(errands.len());
            for commands in errands {
                let mut answers = Vec::with_capacity(commands.len());
                for command in commands {
                    answers.push(round.decide(command).await?);
                    if answers.len().is_multiple_of(TURN_COMMANDS) {
                        tokio::task::yield_now().await;
                    }
                }
                results.push(answers);
            }
            let Some(batch) = round.into_batch() else {
                return Ok(results);
            };
            match (self.store.commit(batch).await, again) {
                (Ok(_committed), _) => {
                    self.written.store(true, Ordering::Release);
                    return Ok(results);
                }
                (Err(StoreError::Conflict { .. }), Some(same)) => errands = same,
                (Err(error), _) => return Err(error),
            }
        }
    }
}
