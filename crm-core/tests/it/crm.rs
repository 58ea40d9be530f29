//! Putting a `Crm` together: what is refused, in which order things are installed, and what it says of itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crm_core::access::{Actor, Target};
use crm_core::branches::NewBranch;
use crm_core::branches::event::{BRANCH_OPENED, BranchOpened};
use crm_core::journal::JournalQuery;
use crm_core::kernel::page::Limit;
use crm_core::kernel::time::{ManualClock, Timestamp};
use crm_core::module::{About, Event, Manifest, Module, Permission, Registry};
use crm_core::work::{Column, ColumnType, Entity, Health, Home, Job, Mode, Ran, Schema, Schemas, Storage, Unique};
use crm_core::{Crm, CrmBuilder, Error, ErrorKind, MemoryStorage, Result};

type Install = fn(&mut Registry);

/// A module made of its manifest.
struct Made(Manifest, Install);

impl Made {
    fn of(name: &'static str) -> Self {
        Self(Manifest { name, ..Manifest::default() }, |_| {})
    }
}

impl Module for Made {
    fn manifest(&self) -> Manifest {
        self.0.clone()
    }

    fn install(&self, registry: &mut Registry) -> Result<()> {
        (self.1)(registry);
        Ok(())
    }
}

fn build(modules: impl IntoIterator<Item = Made>) -> Result<Crm> {
    modules.into_iter().fold(Crm::builder(MemoryStorage::new()), CrmBuilder::module).build_blocking()
}

fn refusal(modules: impl IntoIterator<Item = Made>) -> String {
    match build(modules) {
        Err(Error::Setup(why)) => why,
        Err(other) => panic!("expected a setup error, got {other:?}"),
        Ok(_) => panic!("this should not have been built"),
    }
}

const ID: Column = Column { name: "id", column_type: ColumnType::Uuid, nullable: false };
const VERSION: Column = Column { name: "version", column_type: ColumnType::Int, nullable: false };

const RECORD: Schema = Schema {
    kind: "made",
    home: Home::Records(&[]),
    columns: &[ID, VERSION],
    key: &[0],
    version: Some(1),
    unique: &[],
    counters: &[],
    personal: &[],
    scoped: &[],
};

const UNIQUE: &[Unique] = &[Unique { name: "version", columns: &[1] }];

#[test]
fn nonsense_is_refused() {
    let with = |change: fn(&mut Manifest)| {
        let mut module = Made::of("made");
        change(&mut module.0);
        refusal([module])
    };
    assert_eq!(refusal([Made::of("made"), Made::of("made")]), "two modules have the same name");
    assert_eq!(refusal([Made::of("core")]), "two modules have the same name");
    assert_eq!(with(|made| made.requires = &["elsewhere"]), "module made requires elsewhere, which is not there");
    assert_eq!(with(|made| made.requires = &["made"]), "modules require each other in a circle: made");
    let circle = [("a", &["b"]), ("b", &["c"]), ("c", &["a"])];
    let circle = circle.map(|(name, requires)| Made(Manifest { name, requires, ..Manifest::default() }, |_| {}));
    assert_eq!(refusal(circle), "modules require each other in a circle: a, b, c");
    assert_eq!(with(|made| made.uses = &["cakes.eat"]), "module made uses permission cakes.eat, which nobody defines");
    let permission = |name| Permission { name, about: "" };
    let twice = Made(
        Manifest {
            name: "made",
            permissions: Box::leak(Box::new([permission("customers.read")])),
            ..Manifest::default()
        },
        |_| {},
    );
    assert_eq!(refusal([twice]), "permission customers.read is declared twice");
    assert_eq!(with(|made| made.events = &[BRANCH_OPENED]), "event branches.opened is declared twice");
    assert_eq!(
        with(|made| made.entities = &[crm_core::branches::Branch::SCHEMA]),
        "entity kind branch is declared twice"
    );
    assert_eq!(
        with(|made| made.entities = &[&Schema { home: Home::Table("crm_branches"), ..RECORD }]),
        "table crm_branches is declared twice"
    );
    assert_eq!(
        with(|made| made.entities = &[&Schema { version: None, ..RECORD }]),
        "made: a record needs one id as its key, and a version"
    );
    assert_eq!(
        with(|made| made.entities = &[&Schema { key: &[1], ..RECORD }]),
        "made: a record needs one id as its key, and a version"
    );
    assert_eq!(
        with(|made| made.entities = &[&Schema { home: Home::Records(&[0, 0, 0, 0]), ..RECORD }]),
        "made: a record has at most 3 index keys"
    );
    assert_eq!(
        with(|made| made.entities = &[&Schema { unique: UNIQUE, ..RECORD }]),
        "made: unique keys and counters need a table"
    );
    let waits =
        Made(Manifest { name: "made", ..Manifest::default() }, |registry| registry.on::<Never>("waits", |_, _| Ok(())));
    assert_eq!(refusal([waits]), "a handler waits for never, which no module emits");
    assert!(build([Made::of("made"), Made::of("another")]).is_ok());
}

#[derive(serde::Serialize)]
struct Never;

impl Event for Never {
    const KIND: &'static str = "never";

    fn about(&self) -> About {
        About::default()
    }
}

const ECHO: &[Permission] = &[Permission { name: "echo", about: "echo" }];

/// Emits again what it handles.
fn echo(registry: &mut Registry) {
    registry.on::<BranchOpened>("echoes", |work, opened| work.permit("echo", &Target::ANY)?.emit(opened).map(|_| ()));
}

#[test]
fn an_echo_is_refused() {
    let crm = build([Made(Manifest { name: "echo", permissions: ECHO, ..Manifest::default() }, echo)]).unwrap();
    let opened = crm
        .blocking()
        .run(&Actor::system(), "open", |work| work.branches().create(NewBranch::named("x", "UTC", "PLN")));
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Setup);
    let told = crm
        .blocking()
        .read(&Actor::system(), "look", |work| work.journal().page(&JournalQuery::default(), Limit::default(), None));
    assert!(told.unwrap().items.is_empty());
}

#[test]
fn modules_come_after_what_they_require() {
    let listens = |registry: &mut Registry| registry.on::<BranchOpened>("listens", |_, _| Ok(()));
    let module = |name, requires| Made(Manifest { name, requires, ..Manifest::default() }, listens);
    let crm = build([module("late", &["early", "core"]), module("other", &[]), module("early", &[])]).unwrap();
    let described = crm.describe();
    assert_eq!(
        described.modules.iter().map(|module| module.name).collect::<Vec<_>>(),
        ["core", "other", "early", "late"]
    );
    let expected = ["other: listens", "early: listens", "late: listens"].map(str::to_owned).to_vec();
    assert_eq!(described.handlers, [(BRANCH_OPENED, expected)]);
}

#[test]
fn it_describes_itself() {
    let crm = build([Made(
        Manifest {
            name: "made",
            requires: &["core"],
            permissions: &[Permission { name: "made.make", about: "make things" }],
            entities: &[&RECORD],
            events: &["made.thing"],
            ..Manifest::default()
        },
        |registry| {
            registry.on::<BranchOpened>("makes a thing", |_, _| Ok(()));
            registry.invariant("made.things", |_| Ok(Vec::new()));
        },
    )])
    .unwrap();
    let shown = crm.describe().to_string();
    let (core, made) = shown.split_at(shown.find("module made").unwrap());
    assert!(made.starts_with(
        "module made\n  requires core\n  permission made.make: make things\n  stores made\n  emits made.thing\n\
         on branches.opened\n  made: makes a thing\nverifies stock.movements\n"
    ));
    assert!(made.ends_with("verifies made.things\n"), "a module's after the core's");
    for line in [
        "module core",
        "  permission customers.read: see and search customers",
        "  stores customer",
        "  emits customers.created",
    ] {
        assert!(core.lines().any(|shown| shown == line), "{line}");
    }
}

/// A storage that breaks its promise: it never runs the job.
struct Idle(Arc<Mutex<Option<Mode>>>);

#[async_trait::async_trait]
impl Storage for Idle {
    async fn prepare(&self, _: Arc<Schemas>) -> Result<()> {
        Ok(())
    }

    async fn run(&self, mode: Mode, _: Box<dyn Job>) -> Result<Ran> {
        *self.0.lock().unwrap() = Some(mode);
        Ok(Ran::Committed)
    }

    async fn health(&self) -> Result<Health> {
        Err(Error::busy("idle"))
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[test]
fn a_storage_that_does_not_run_the_job_is_found_out() {
    let seen = Arc::new(Mutex::new(None));
    let crm = Crm::builder(Idle(seen.clone())).build_blocking().unwrap();
    let ran: Result<()> = crm.blocking().run(&Actor::system(), "idle", |_| Ok(()));
    assert_eq!(ran.unwrap_err().kind(), ErrorKind::Backend);
    assert_eq!(seen.lock().unwrap().take(), Some(Mode::Write));
    let read: Result<()> = crm.blocking().read(&Actor::system(), "idle", |_| Ok(()));
    assert_eq!((read.unwrap_err().kind(), seen.lock().unwrap().take()), (ErrorKind::Backend, Some(Mode::Read)));
    assert_eq!(crm.blocking().health().unwrap_err().kind(), ErrorKind::Busy);
}

/// What a job waits for at its beginning has happened before it.
#[test]
fn the_time_of_a_unit_of_work_is_when_it_is_asked_for_first() {
    let start: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
    let clock = Arc::new(ManualClock::new(start));
    let crm = Crm::builder(MemoryStorage::new()).clock(clock.clone()).build_blocking().unwrap();
    let waited = Duration::from_secs(3);
    let (first, later) = crm
        .blocking()
        .run(&Actor::system(), "waits", move |work| {
            clock.advance(waited);
            let first = work.now();
            clock.advance(waited);
            Ok::<_, Error>((first, work.now()))
        })
        .unwrap();
    assert_eq!((first, later), (start.checked_add(waited).unwrap(), first));
}
