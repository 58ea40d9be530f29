//! Write-behind over any [`Tx`]: reads are answered from what is known, writes wait and go out as batches.
//!
//! This is what lets a storage engine run many jobs in one transaction and write them with a handful of multi-row
//! statements. A savepoint is a layer of rows; the transaction underneath learns of a job's own savepoint only when
//! something of the job must be written before its end.

mod flush;
mod rows;
mod tx;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use self::rows::{Layer, Place, Slot, Slots, kind_of, slots_of};
use super::filter::Criteria;
use super::schema::Schema;
use super::storage::{Lock, Query, Schemas, Tx};
use super::value::{Key, Row, Value};
use crate::{Error, Result};

/// Rows kept in memory after a flush; above this they are forgotten and read again when needed. A query adds no more than
/// that either, so that a walk over everything needs bounded memory.
const MAX_KNOWN_ROWS: usize = 10_000;

/// Queries of a kind whose answers are known; what is asked later is asked again.
const MAX_ANSWERED: usize = 256;

/// Inserted rows that may wait before they are written without being asked, so that an import needs bounded memory.
const MAX_WAITING_ROWS: usize = 4_096;

/// A transaction that keeps writes back and remembers rows, over one that does neither.
///
/// An engine calls [`begin_job`](Self::begin_job) and [`end_job`](Self::end_job) around each job of a group, and
/// [`flush`](Tx::flush) before it commits.
pub struct WriteBuffer<'t> {
    tx: &'t mut dyn Tx,
    schemas: &'t Schemas,
    layers: Vec<Layer>,
    /// Layers `1..=opened` are savepoints of `tx` too.
    opened: usize,
    batches_reads: bool,
    missing: BTreeMap<Place, Missing>,
    status: Status,
    /// The layer that was on top when something failed first.
    failed_at: Option<usize>,
    /// Rows inserted since the last flush.
    waiting: usize,
    /// Whether something was written that may be known no longer.
    wrote: bool,
    /// Whether `tx` is a snapshot: nothing can be written yet.
    ahead: bool,
    /// What the group before is writing.
    before: Pending,
    freed: BTreeSet<Freed>,
}

/// Rows as a group of jobs leaves them, for the jobs of the next group, which run while the first is still being written.
#[derive(Default)]
pub struct Pending {
    kinds: BTreeMap<&'static str, Slots>,
}

impl Pending {
    fn of(&self, schema: &Schema) -> impl Iterator<Item = (&Key, &Slot)> {
        self.kinds.get(schema.kind).into_iter().flatten()
    }
}

/// What jobs have left in a [`WriteBuffer`] that ran [ahead](WriteBuffer::ahead).
pub struct Draft {
    layer: Layer,
    before: Pending,
    waiting: usize,
    freed: BTreeSet<Freed>,
}

/// A value of a unique key that an update has given up and that is still stored: kind, number of the key, values.
type Freed = (Place, usize, Vec<Value>);

/// What happened to a job in a [`WriteBuffer`], beside what the job says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each may be true without the others")]
pub struct Status {
    /// A call failed outside a savepoint, so nothing of the job may be committed.
    pub failed: bool,
    /// A statement failed where no savepoint guards the jobs before: the whole transaction is lost.
    pub broken: bool,
    /// The job met another writer: run again, it may succeed.
    pub contended: bool,
    /// The database refused a key that is taken, which a fresh run may see for itself.
    pub taken: bool,
    /// The job was stopped so that its rows can be read together with those of others. Run it again.
    pub suspended: bool,
}

impl Status {
    /// Whether the writes of the job can be kept, if the job wants it.
    pub fn is_sound(self) -> bool {
        !(self.failed || self.broken || self.contended || self.suspended)
    }
}

struct Missing {
    schema: &'static Schema,
    plain: BTreeSet<Key>,
    locked: BTreeSet<Key>,
    queries: Vec<Query>,
}

impl Missing {
    fn new(schema: &'static Schema) -> Self {
        Self { schema, plain: BTreeSet::new(), locked: BTreeSet::new(), queries: Vec::new() }
    }
}

impl<'t> WriteBuffer<'t> {
    /// Buffers over `tx`, writing kinds in the order of `schemas`.
    pub fn new(tx: &'t mut dyn Tx, schemas: &'t Schemas) -> Self {
        Self {
            tx,
            schemas,
            layers: vec![Layer::new()],
            opened: 0,
            batches_reads: false,
            missing: BTreeMap::new(),
            status: Status::default(),
            failed_at: None,
            waiting: 0,
            wrote: false,
            ahead: false,
            before: Pending::default(),
            freed: BTreeSet::new(),
        }
    }

    /// Runs jobs ahead of their transaction: over a snapshot, and what the group before them is writing. A job that needs
    /// more than that is [stopped](Status::suspended), to run again when the buffer [goes on](Self::resume).
    pub fn ahead(snapshot: &'t mut dyn Tx, schemas: &'t Schemas, before: Pending) -> Self {
        Self { ahead: true, before, ..Self::new(snapshot, schemas) }
    }

    /// What the jobs that ran [ahead](Self::ahead) have left, without the snapshot.
    pub fn draft(mut self) -> Draft {
        let layer = self.layers.swap_remove(0);
        Draft { layer, before: self.before, waiting: self.waiting, freed: self.freed }
    }

    /// Goes on with a draft in a transaction.
    ///
    /// The caller sees to it that the store now holds what the group before was writing, and nothing else that the snapshot
    /// did not hold. Otherwise the draft must not be used, nor what its jobs answered.
    pub fn resume(tx: &'t mut dyn Tx, schemas: &'t Schemas, draft: Draft) -> Self {
        let Draft { layer, before, waiting, freed } = draft;
        Self { layers: vec![layer], before, waiting, freed, ..Self::new(tx, schemas) }
    }

    /// What is going to be written; nothing when a part has been already.
    pub fn pending(&self) -> Option<Pending> {
        let [layer] = &self.layers[..] else { return None };
        if self.wrote {
            return None;
        }
        let mut kinds = BTreeMap::new();
        for kind in layer.values() {
            let waiting = kind.slots.iter().filter(|(_, slot)| !slot.is_clean());
            let rows = waiting.map(|(key, slot)| (key.clone(), Slot::clean(kind.schema, slot.current.clone(), true)));
            let rows: Slots = rows.collect();
            if !rows.is_empty() {
                kinds.insert(kind.schema.kind, rows);
            }
        }
        Some(Pending { kinds })
    }

    /// Starts a job: what it writes can be dropped without touching the jobs before it.
    ///
    /// With `batch_reads`, a fetch of unknown rows, or a whole query, stops the job ([`Status::suspended`]) and is noted;
    /// [`read_missing`](Self::read_missing) then reads for all stopped jobs at once.
    pub fn begin_job(&mut self, batch_reads: bool) {
        self.status = Status::default();
        self.failed_at = None;
        self.batches_reads = batch_reads;
        self.layers.push(Layer::new());
    }

    /// Ends the job, keeping its writes or dropping them, and says what happened to it.
    ///
    /// # Errors
    /// The transaction underneath could not go back to the job's start: the whole group is lost and must run again.
    pub fn end_job(&mut self, keep: bool) -> Result<Status> {
        self.status.failed = self.failed_at.is_some();
        let status = self.status;
        let keep = keep && status.is_sound();
        while self.layers.len() > 1 && !status.broken {
            let ended = if keep { self.release() } else { self.roll_back() };
            ended?;
        }
        self.batches_reads = false;
        Ok(status)
    }

    /// Reads what suspended jobs asked for, one batch per kind: rows by their keys, and when these are locked, queries.
    ///
    /// # Errors
    /// The read failed; the transaction is lost.
    pub fn read_missing(&mut self) -> Result<()> {
        let mut asked = Vec::new();
        for (_, missing) in std::mem::take(&mut self.missing) {
            let plain = missing.plain.difference(&missing.locked).cloned().collect::<Vec<_>>();
            for (keys, lock) in [(plain, Lock::None), (missing.locked.into_iter().collect(), Lock::ForUpdate)] {
                if !keys.is_empty() {
                    self.fetch(missing.schema, &keys, lock)?;
                }
            }
            asked.push(missing.queries);
        }
        for queries in asked.into_iter().filter(|queries| !queries.is_empty()) {
            let answers = self.tx.select_each(&queries);
            for (query, rows) in queries.iter().zip(self.ran(answers)?) {
                self.take_in_answer(query, &rows)?;
            }
        }
        Ok(())
    }

    fn rank(&self, schema: &'static Schema) -> Place {
        (self.schemas.rank(schema), schema.kind)
    }

    fn top(&self) -> usize {
        self.layers.len() - 1
    }

    /// The row's slot in the highest layer that has one, and the layer.
    fn find(&self, rank: Place, key: &Key) -> Option<(usize, &Slot)> {
        self.layers.iter().enumerate().rev().find_map(|(at, layer)| Some((at, layer.get(&rank)?.slots.get(key)?)))
    }

    fn slot(&self, rank: Place, key: &Key) -> Option<&Slot> {
        let before = || self.before.kinds.get(rank.1)?.get(key);
        self.find(rank, key).map(|(_, slot)| slot).or_else(before)
    }

    /// The row's slot in the top layer, to be changed there. The row must be known.
    fn slot_to_change(&mut self, rank: Place, schema: &'static Schema, key: Key) -> Result<&mut Slot> {
        let unknown = Error::Conflict { kind: schema.kind };
        let Some((top, below)) = self.layers.split_last_mut() else { return Err(unknown) };
        match slots_of(top, rank, schema).entry(key) {
            Entry::Occupied(slot) => Ok(slot.into_mut()),
            Entry::Vacant(place) => {
                let mut kinds = below.iter().rev().filter_map(|layer| layer.get(&rank));
                let seen = kinds.find_map(|kind| kind.slots.get(place.key()));
                let before = || self.before.kinds.get(schema.kind)?.get(place.key());
                let seen = seen.or_else(before).ok_or(unknown)?;
                Ok(place.insert(seen.seen_from_above(schema)))
            }
        }
    }

    /// Writes what waits if this row takes over a unique value from another that is not written yet: batches are
    /// ordered by key, not by who gives and who takes.
    fn make_room(&mut self, rank: Place, schema: &'static Schema, row: &[Value]) -> Result<()> {
        let takes = |(number, values)| self.freed.contains(&(rank, number, values));
        if !self.freed.is_empty() && schema.unique_values(row).any(takes) { self.flush() } else { Ok(()) }
    }

    /// Whether every row that a query asks for has a slot, and those that it no longer asks for too.
    fn is_answered(&self, rank: Place, query: &Query) -> bool {
        self.layers.iter().filter_map(|layer| layer.get(&rank)).any(|kind| kind.answered.contains(query))
    }

    /// The known rows of a kind that meet a condition, as they are now.
    fn known_rows(&self, rank: Place, query: &Query) -> impl Iterator<Item = Row> {
        let mut kinds: Vec<_> = self.layers.iter().rev().filter_map(|layer| Some(&layer.get(&rank)?.slots)).collect();
        kinds.extend(self.before.kinds.get(rank.1));
        let mut rows = Vec::new();
        while let Some(slots) = kinds.pop() {
            // Layers above have the last word.
            let here = slots.iter().filter(|(key, _)| kinds.iter().all(|above| !above.contains_key(*key)));
            rows.extend(
                here.filter_map(|(_, slot)| slot.current.as_ref().filter(|row| query.criteria.matches(row)).cloned()),
            );
        }
        rows.into_iter()
    }

    fn known(&self) -> usize {
        self.layers.iter().flat_map(BTreeMap::values).map(|kind| kind.slots.len()).sum()
    }

    /// Locks taken since a savepoint are gone with it.
    fn forget_locks(&mut self) {
        let kinds = self.layers.iter_mut().flat_map(BTreeMap::values_mut);
        kinds.flat_map(|kind| kind.slots.values_mut()).for_each(|slot| slot.locked = false);
    }

    /// How many rows wait to be written that may meet the condition, or met it before they were changed.
    fn count_pending(&self, schema: &'static Schema, criteria: &Criteria) -> usize {
        let rank = self.rank(schema);
        let slots = self.layers.iter().filter_map(|layer| layer.get(&rank)).flat_map(|kind| &kind.slots);
        let own = slots.filter(|(_, slot)| !slot.is_clean());
        // What the group before has left is stored by the time it is this one's turn.
        let before = self.ahead.then(|| self.before.of(schema)).into_iter().flatten();
        own.chain(before).filter(|(key, _)| !criteria.rules_out(schema, key)).count()
    }

    /// Passes on the result of a statement, and notes its failure.
    fn ran<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.status.contended |= matches!(error, Error::Conflict { .. });
            self.status.taken |= matches!(error, Error::AlreadyExists { .. });
            self.status.broken |= self.opened == 0;
        }
        self.allowed(result)
    }

    /// Passes on the result of a check made here, and notes its failure. A stale version in the caller's hand stays
    /// stale when the job is run again, so this is no contention.
    fn allowed<T>(&mut self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.failed_at.get_or_insert(self.layers.len() - 1);
        }
        result
    }

    fn suspend<T>(&mut self) -> Result<T> {
        self.status.suspended = true;
        Err(Error::busy("the job was stopped to read its rows with those of others"))
    }

    /// Makes sure that every key has a slot, and a locked one if asked.
    fn learn<'k>(
        &mut self,
        rank: Place,
        schema: &'static Schema,
        keys: impl Iterator<Item = &'k Key>,
        lock: Lock,
    ) -> Result<()> {
        let lacks = |key: &&Key| match self.slot(rank, key) {
            None => true,
            Some(slot) => lock == Lock::ForUpdate && slot.stored && !slot.locked && !self.ahead,
        };
        let lacking: Vec<Key> = keys.filter(lacks).cloned().collect();
        if lacking.is_empty() {
            return Ok(());
        }
        if self.batches_reads {
            self.note_missing(rank, schema, lacking, lock);
            return self.suspend();
        }
        if lacking.iter().any(|key| self.slot(rank, key).is_some_and(|slot| !slot.is_clean())) {
            self.flush()?;
        }
        // Whoever runs ahead locks nothing: if somebody else writes, all of it is run again.
        let fetched = self.tx.fetch(schema, &lacking, if self.ahead { Lock::None } else { lock });
        let rows = self.ran(fetched)?;
        for (key, row) in lacking.into_iter().zip(rows) {
            self.take_in(rank, schema, key, row, lock == Lock::ForUpdate || self.ahead)?;
        }
        Ok(())
    }

    /// Remembers a row that was read, or compares it with what is known of it.
    fn take_in(
        &mut self,
        rank: Place,
        schema: &'static Schema,
        key: Key,
        row: Option<Row>,
        locked: bool,
    ) -> Result<()> {
        let read = Slot::clean(schema, row, locked);
        let known = self.find(rank, &key);
        if let Some((_, known)) = known
            && (known.stored != read.stored || known.stored_version != read.stored_version)
        {
            self.status.contended = true;
            return self.allowed(Err(Error::Conflict { kind: schema.kind }));
        }
        let layer = known.map_or(self.opened, |(at, _)| at.max(self.opened));
        slots_of(&mut self.layers[layer], rank, schema).insert(key, read);
        Ok(())
    }

    /// Remembers the rows that a query found, and that they are all there are.
    fn take_in_answer(&mut self, query: &Query, rows: &[Row]) -> Result<()> {
        let rank = self.rank(query.schema);
        let mut room = MAX_KNOWN_ROWS.saturating_sub(self.known());
        let fits = rows.len() <= room;
        for row in rows {
            let key = query.schema.key_of(row);
            match self.slot(rank, &key) {
                None if room == 0 => {}
                None => {
                    room -= 1;
                    let layer = self.opened;
                    let slot = Slot::clean(query.schema, Some(row.clone()), false);
                    slots_of(&mut self.layers[layer], rank, query.schema).insert(key, slot);
                }
                // Another writer was here since the row was read: what this job builds on it would be refused.
                Some(known) if known.stored_version != query.schema.version_of(row) && !self.ahead => {
                    self.status.contended = true;
                    return self.allowed(Err(Error::Conflict { kind: query.schema.kind }));
                }
                Some(_) => {}
            }
        }
        if fits && query.is_whole() {
            let answered = &mut kind_of(&mut self.layers[self.opened], rank, query.schema).answered;
            if answered.len() < MAX_ANSWERED {
                answered.push(query.clone());
            }
        }
        Ok(())
    }

    fn note_missing(&mut self, rank: Place, schema: &'static Schema, keys: Vec<Key>, lock: Lock) {
        let missing = self.missing.entry(rank).or_insert_with(|| Missing::new(schema));
        match lock {
            Lock::None => missing.plain.extend(keys),
            Lock::ForUpdate => missing.locked.extend(keys),
        }
    }
}
