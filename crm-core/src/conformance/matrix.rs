//! Every operation against every grant and every reach. The core's own are measured so, and a module's can be.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::bench::Bench;
use crate::access::{Actor, Principal, Reach, Region, Target};
use crate::work::UnitOfWork;
use crate::{Error, ErrorKind, Result};

/// What there is to act upon.
pub trait World: Clone + Send + 'static {
    /// The same, with ids and codes of what is not there.
    #[must_use]
    fn absent(&self) -> Self;

    /// What a caller names, as a refusal may repeat it.
    fn names(&self) -> Vec<String>;
}

/// A public operation.
pub struct Operation<W: 'static> {
    /// The noun and the method: `customers.get`.
    pub name: &'static str,
    /// The permissions it asks for.
    pub permissions: &'static [&'static str],
    /// Whether it changes anything.
    pub writes: bool,
    /// Does it, and says to whom what it has shown or changed belongs.
    pub run: Run<W>,
}

/// What an operation does.
pub type Run<W> = fn(&mut UnitOfWork<'_>, &W) -> Result<Vec<Target>>;

impl<W> Operation<W> {
    /// An operation that changes nothing.
    pub const fn reads(name: &'static str, permissions: &'static [&'static str], run: Run<W>) -> Self {
        Self { name, permissions, writes: false, run }
    }

    /// An operation that changes something.
    pub const fn writes(name: &'static str, permissions: &'static [&'static str], run: Run<W>) -> Self {
        Self { name, permissions, writes: true, run }
    }
}

/// How an operation ended of which nothing is kept.
enum Undone {
    Done(Vec<Target>),
    Refused(Error),
}

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// What an operation shows or changes for an actor. Nothing of it is kept, so that each meets the same world.
fn outcome<W: World>(bench: &Bench, actor: &Actor, operation: &'static Operation<W>, world: &W) -> Result<Vec<Target>> {
    let world = world.clone();
    let undone = bench.run_as(actor, move |work| {
        let undone = work.attempt(|work| Err::<(), _>(Undone::Done((operation.run)(work, &world)?)));
        match undone {
            Ok(()) => Err(Error::Setup("an attempt that fails has succeeded".into())),
            Err(undone) => Ok(undone),
        }
    });
    match undone? {
        Undone::Done(shown) => Ok(shown),
        Undone::Refused(error) => Err(error),
    }
}

/// A user of whom nothing is known and to whom nothing is granted.
pub fn nobody() -> Actor {
    Actor::new(Principal::User(Uuid::nil().into()))
}

/// The same with these permissions, as far as this reach.
pub fn granted(permissions: impl IntoIterator<Item = &'static str>, reach: &Reach) -> Actor {
    permissions.into_iter().fold(nobody(), |actor, permission| actor.granted(permission, reach.clone()))
}

/// Each operation is refused without any one of its permissions, whatever else is granted, and goes with nothing but
/// them. A grant that reaches nothing is none.
pub fn nothing_without_a_grant<W: World>(bench: &Bench, world: &W, operations: &'static [Operation<W>]) {
    let names: BTreeSet<&str> = operations.iter().flat_map(|operation| operation.permissions.iter().copied()).collect();
    for operation in operations {
        let Operation { name, permissions, .. } = operation;
        for missing in *permissions {
            let others = names.iter().copied().filter(|other| other != missing);
            let without = granted(others, &Reach::all());
            let empty = without.clone().granted(*missing, Reach::none());
            for actor in [&without, &empty] {
                match outcome(bench, actor, operation, world) {
                    Err(Error::Denied { permission }) => assert_eq!(permission, *missing, "{name}"),
                    other => panic!("{name} without {missing}: {other:?}"),
                }
            }
        }
        let refused = outcome(bench, &nobody(), operation, world).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Denied, "{name}: {refused}");
        let shown = outcome(bench, &granted(permissions.iter().copied(), &Reach::all()), operation, world);
        assert!(shown.as_ref().is_ok_and(|shown| !shown.is_empty()), "{name}: {shown:?}");
    }
}

/// What an operation shows within a reach is what it shows without bounds, less what is out of reach; it changes nothing
/// beyond, and refuses in the same words whether a record is out of reach or absent (but for what a forbid names).
///
/// It is measured within each of these regions, and within all of them and the first `shops` of them less each.
pub fn nothing_beyond_its_reach<W: World>(
    bench: &Bench,
    world: &W,
    operations: &'static [Operation<W>],
    regions: &[Region],
    shops: &Region,
) {
    let mut reaches: Vec<Reach> = regions.iter().cloned().map(Reach::from).collect();
    for allowed in [Region::all(), shops.clone()] {
        let less = regions.iter().map(|forbidden| Reach { allowed: allowed.clone(), forbidden: forbidden.clone() });
        reaches.extend(less);
    }
    let absent = world.absent();
    for operation in operations {
        let Operation { name, permissions, .. } = operation;
        let all = outcome(bench, &granted(permissions.iter().copied(), &Reach::all()), operation, world).unwrap();
        for reach in &reaches {
            let actor = granted(permissions.iter().copied(), reach);
            let within: Vec<Target> = all.iter().filter(|target| reach.covers(target)).copied().collect();
            match outcome(bench, &actor, operation, world) {
                Ok(shown) => assert_eq!(shown, within, "{name} for {reach:?}"),
                Err(refusal) => {
                    let half = operation.writes && within.len() < all.len();
                    assert!(within.is_empty() || half, "{name} for {reach:?}: {refusal}");
                    let (ErrorKind::Denied | ErrorKind::NotFound) = refusal.kind() else {
                        panic!("{name} for {reach:?}: {refusal}");
                    };
                    // Where the caller names the branch and no record is loaded, whoever may everything but one branch
                    // learns which it is (ADR 7); and what is partly one's own is refused for the other part.
                    let named = !reach.forbidden.is_empty() || !within.is_empty();
                    if refusal.kind() == ErrorKind::Denied && named {
                        continue;
                    }
                    let of_nothing = outcome(bench, &actor, operation, &absent).unwrap_err();
                    assert_eq!(
                        words(&refusal, world),
                        words(&of_nothing, &absent),
                        "{name} tells what is there for {reach:?}"
                    );
                }
            }
        }
    }
}

/// A refusal without what the caller has named.
fn words(refusal: &Error, world: &impl World) -> String {
    world.names().into_iter().fold(refusal.to_string(), |words, name| words.replace(&name, "…"))
}
