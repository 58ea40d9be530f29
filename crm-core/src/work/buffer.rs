//! Write-behind over any [`Tx`]: reads are answered from what is known, writes wait and go out as batches.
//!
//! This is what lets a storage engine run many jobs in one transaction and write them with a handful of multi-row
//! statements. A savepoint is a layer of rows; the transaction underneath learns of a job's own savepoint only when
//! something of the job must be written before its end.

use std::collections::{BTreeMap, BTreeSet};

use super::filter::Criteria;
use super::schema::Schema;
use super::storage::{Addition, Lock, Query, Schemas, Tx};
use super::value::{Key, Row, Value};
use crate::{Error, Result};

/// Rows kept in memory after a flush; above this they are forgotten and read again when needed. A query adds no more than
/// that either, so that a walk over everything needs bounded memory.
const MAX_KNOWN_ROWS: usize = 10_000;

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
    /// Values of unique keys that an update has given up and that are still stored: by kind, number of the key, values.
    freed: BTreeSet<(Place, usize, Vec<Value>)>,
}

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

/// A kind's place in the order of writing: its rank, and its name, for kinds that nobody declared share a rank.
type Place = (usize, &'static str);

/// Rows by place of their kind, then by key: the order in which they are written.
type Layer = BTreeMap<Place, Kind>;

struct Kind {
    schema: &'static Schema,
    slots: BTreeMap<Key, Slot>,
}

/// What is known of one row.
#[derive(Clone)]
struct Slot {
    /// Whether the transaction underneath has the row, as far as this layer knows, and in which version.
    stored: bool,
    stored_version: Option<i64>,
    current: Option<Row>,
    /// `current` is not written yet.
    dirty: bool,
    /// Amounts by counter column, not written yet; contained in `current`.
    additions: BTreeMap<usize, (i64, Option<i64>)>,
    locked: bool,
}

struct Missing {
    schema: &'static Schema,
    plain: BTreeSet<Key>,
    locked: BTreeSet<Key>,
}

impl Slot {
    fn clean(schema: &Schema, row: Option<Row>, locked: bool) -> Self {
        Self {
            stored: row.is_some(),
            stored_version: row.as_ref().and_then(|row| schema.version_of(row)),
            current: row,
            dirty: false,
            additions: BTreeMap::new(),
            locked,
        }
    }

    fn is_clean(&self) -> bool {
        !self.dirty && self.additions.is_empty()
    }

    /// The same row as seen from a layer above: nothing of it is that layer's to write.
    fn seen_from_above(&self, schema: &Schema) -> Self {
        Self::clean(schema, self.current.clone(), self.locked)
    }

    fn settle(&mut self, schema: &Schema) {
        self.stored = self.current.is_some();
        self.stored_version = self.current.as_ref().and_then(|row| schema.version_of(row));
        self.dirty = false;
        self.additions.clear();
    }

    /// Takes over what a released layer above made of this row.
    fn absorb(&mut self, above: Self) {
        if self.is_clean() {
            *self = above;
            return;
        }
        self.current = above.current;
        self.dirty |= above.dirty;
        self.locked |= above.locked;
        for (column, (amount, floor)) in above.additions {
            self.note_addition(column, amount, floor);
        }
    }

    fn note_addition(&mut self, column: usize, amount: i64, floor: Option<i64>) {
        let (sum, lowest) = self.additions.entry(column).or_insert((0, None));
        *sum = sum.saturating_add(amount);
        // The floor of an earlier sum moves with what is added after it.
        *lowest = lowest.map(|lowest| lowest.saturating_add(amount)).max(floor);
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
            freed: BTreeSet::new(),
        }
    }

    /// Starts a job: what it writes can be dropped without touching the jobs before it.
    ///
    /// With `batch_reads`, a fetch of unknown rows stops the job ([`Status::suspended`]) and notes the keys;
    /// [`read_missing`](Self::read_missing) then reads those of all stopped jobs at once.
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

    /// Reads the rows that suspended jobs asked for, one batch per kind.
    ///
    /// # Errors
    /// The read failed; the transaction is lost.
    pub fn read_missing(&mut self) -> Result<()> {
        for (_, missing) in std::mem::take(&mut self.missing) {
            let plain = missing.plain.difference(&missing.locked).cloned().collect::<Vec<_>>();
            for (keys, lock) in [(plain, Lock::None), (missing.locked.into_iter().collect(), Lock::ForUpdate)] {
                if !keys.is_empty() {
                    self.fetch(missing.schema, &keys, lock)?;
                }
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

    fn slot(&self, rank: Place, key: &Key) -> Option<&Slot> {
        self.layers.iter().rev().find_map(|layer| layer.get(&rank)?.slots.get(key))
    }

    fn slots_of(&mut self, layer: usize, rank: Place, schema: &'static Schema) -> &mut BTreeMap<Key, Slot> {
        &mut self.layers[layer].entry(rank).or_insert_with(|| Kind { schema, slots: BTreeMap::new() }).slots
    }

    /// The row's slot in the top layer, to be changed there. The row must be known.
    fn slot_to_change(&mut self, rank: Place, schema: &'static Schema, key: &Key) -> Result<&mut Slot> {
        let seen = self.slot(rank, key).map(|slot| slot.seen_from_above(schema));
        let top = self.top();
        let slots = self.slots_of(top, rank, schema);
        match (slots.contains_key(key), seen) {
            (true, _) => {}
            (false, Some(seen)) => {
                slots.insert(key.clone(), seen);
            }
            (false, None) => return Err(Error::Conflict { kind: schema.kind }),
        }
        slots.get_mut(key).ok_or(Error::Conflict { kind: schema.kind })
    }

    /// Writes what waits if this row takes over a unique value from another that is not written yet: batches are
    /// ordered by key, not by who gives and who takes.
    fn make_room(&mut self, rank: Place, schema: &'static Schema, row: &Row) -> Result<()> {
        let takes = |(number, values)| self.freed.contains(&(rank, number, values));
        if !self.freed.is_empty() && schema.unique_values(row).any(takes) { self.flush() } else { Ok(()) }
    }

    fn known(&self) -> usize {
        self.layers.iter().flat_map(BTreeMap::values).map(|kind| kind.slots.len()).sum()
    }

    /// Locks taken since a savepoint are gone with it.
    fn forget_locks(&mut self) {
        let kinds = self.layers.iter_mut().flat_map(BTreeMap::values_mut);
        kinds.flat_map(|kind| kind.slots.values_mut()).for_each(|slot| slot.locked = false);
    }

    fn has_pending(&self, rank: Place) -> bool {
        self.layers.iter().filter_map(|layer| layer.get(&rank)).any(|kind| !kind.slots.values().all(Slot::is_clean))
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

    /// Makes sure that every key has a slot, and a locked one if asked.
    fn learn(&mut self, rank: Place, schema: &'static Schema, keys: &[Key], lock: Lock) -> Result<()> {
        let lacks = |buffer: &Self, key: &Key| match buffer.slot(rank, key) {
            None => true,
            Some(slot) => lock == Lock::ForUpdate && slot.stored && !slot.locked,
        };
        let lacking: Vec<Key> = keys.iter().filter(|key| lacks(self, key)).cloned().collect();
        if lacking.is_empty() {
            return Ok(());
        }
        if self.batches_reads {
            self.note_missing(rank, schema, lacking, lock);
            self.status.suspended = true;
            return Err(Error::busy("the job was stopped to read its rows with those of others"));
        }
        if lacking.iter().any(|key| self.slot(rank, key).is_some_and(|slot| !slot.is_clean())) {
            self.flush()?;
        }
        let fetched = self.tx.fetch(schema, &lacking, lock);
        let rows = self.ran(fetched)?;
        for (key, row) in lacking.into_iter().zip(rows) {
            self.take_in(rank, schema, key, row, lock == Lock::ForUpdate)?;
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
        if let Some(known) = self.slot(rank, &key)
            && (known.stored != read.stored || known.stored_version != read.stored_version)
        {
            self.status.contended = true;
            return self.allowed(Err(Error::Conflict { kind: schema.kind }));
        }
        let mut layer = self.opened;
        for above in (self.opened..=self.top()).rev() {
            if self.layers[above].get(&rank).is_some_and(|kind| kind.slots.contains_key(&key)) {
                layer = above;
                break;
            }
        }
        self.slots_of(layer, rank, schema).insert(key, read);
        Ok(())
    }

    fn note_missing(&mut self, rank: Place, schema: &'static Schema, keys: Vec<Key>, lock: Lock) {
        let missing = self.missing.entry(rank).or_insert_with(|| Missing {
            schema,
            plain: BTreeSet::new(),
            locked: BTreeSet::new(),
        });
        match lock {
            Lock::None => missing.plain.extend(keys),
            Lock::ForUpdate => missing.locked.extend(keys),
        }
    }

    /// Writes everything that waits, and makes every open layer a savepoint of the transaction if `open_all` says so
    /// or if something of it is written.
    fn write_out(&mut self, open_all: bool) -> Result<()> {
        self.waiting = 0;
        self.freed.clear();
        let pending = |layer: &Layer| layer.values().any(|kind| !kind.slots.values().all(Slot::is_clean));
        for at in 0..self.layers.len() {
            if at > self.opened {
                if !open_all && !self.layers[at..].iter().any(pending) {
                    break;
                }
                let opened = self.tx.savepoint();
                self.ran(opened)?;
                self.opened = at;
            }
            let written = self.write_layer(at);
            self.ran(written)?;
        }
        if self.known() > MAX_KNOWN_ROWS && !self.layers.iter().any(pending) {
            self.layers.iter_mut().for_each(BTreeMap::clear);
        }
        Ok(())
    }

    fn write_layer(&mut self, at: usize) -> Result<()> {
        // With no job open, nothing has to be remembered: rows are handed on, not copied, and read again when needed.
        let forget = self.layers.len() == 1;
        let layer = &mut self.layers[at];
        for kind in layer.values().rev() {
            let gone = kind.slots.iter().filter(|(_, slot)| slot.dirty && slot.stored && slot.current.is_none());
            let keys: Vec<_> = gone.map(|(key, slot)| (key.clone(), slot.stored_version)).collect();
            if !keys.is_empty() {
                self.tx.delete(kind.schema, keys)?;
            }
        }
        for kind in layer.values_mut() {
            let schema = kind.schema;
            let (mut inserts, mut updates, mut additions) = (Vec::new(), Vec::new(), Vec::new());
            for (key, slot) in &mut kind.slots {
                if slot.is_clean() {
                    continue;
                }
                let row = if forget { slot.current.take() } else { slot.current.clone() };
                if let Some(row) = row {
                    if slot.dirty && !slot.stored {
                        inserts.push(row);
                    } else {
                        if slot.dirty {
                            updates.push((row, slot.stored_version.unwrap_or_default()));
                        }
                        additions.extend(slot.additions.iter().map(|(&column, &(amount, floor))| Addition {
                            key: key.clone(),
                            column,
                            amount,
                            floor,
                        }));
                    }
                }
                slot.settle(schema);
            }
            if forget {
                kind.slots.clear();
            }
            if !inserts.is_empty() {
                self.tx.insert(schema, inserts)?;
            }
            if !updates.is_empty() {
                self.tx.update(schema, updates)?;
            }
            if !additions.is_empty() {
                self.tx.add(schema, additions)?;
            }
        }
        Ok(())
    }
}

impl Tx for WriteBuffer<'_> {
    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], lock: Lock) -> Result<Vec<Option<Row>>> {
        let rank = self.rank(schema);
        self.learn(rank, schema, keys, lock)?;
        Ok(keys.iter().map(|key| self.slot(rank, key).and_then(|slot| slot.current.clone())).collect())
    }

    fn select(&mut self, query: &Query) -> Result<Vec<Row>> {
        let rank = self.rank(query.schema);
        if self.has_pending(rank) {
            self.flush()?;
        }
        let selected = self.tx.select(query);
        let rows = self.ran(selected)?;
        let mut room = MAX_KNOWN_ROWS.saturating_sub(self.known());
        for row in &rows {
            let key = query.schema.key_of(row);
            match self.slot(rank, &key) {
                None if room == 0 => {}
                None => {
                    room -= 1;
                    let layer = self.opened;
                    let slot = Slot::clean(query.schema, Some(row.clone()), false);
                    self.slots_of(layer, rank, query.schema).insert(key, slot);
                }
                // Another writer was here since the row was read: what this job builds on it would be refused.
                Some(known) if known.stored_version != query.schema.version_of(row) => {
                    self.status.contended = true;
                    return self.allowed(Err(Error::Conflict { kind: query.schema.kind }));
                }
                Some(_) => {}
            }
        }
        Ok(rows)
    }

    fn count(&mut self, schema: &'static Schema, criteria: &Criteria) -> Result<u64> {
        if self.has_pending(self.rank(schema)) {
            self.flush()?;
        }
        let counted = self.tx.count(schema, criteria);
        self.ran(counted)
    }

    fn insert(&mut self, schema: &'static Schema, rows: Vec<Row>) -> Result<()> {
        let rank = self.rank(schema);
        for row in rows {
            let key = schema.key_of(&row);
            self.make_room(rank, schema, &row)?;
            match self.slot(rank, &key) {
                Some(slot) if slot.current.is_some() => {
                    return self.allowed(Err(Error::AlreadyExists { kind: schema.kind, unique: "key".into() }));
                }
                // The old row is still stored: it has to go before the new one can come.
                Some(slot) if slot.dirty => self.flush()?,
                _ => {}
            }
            let top = self.top();
            let slot = Slot { dirty: true, current: Some(row), ..Slot::clean(schema, None, false) };
            self.slots_of(top, rank, schema).insert(key, slot);
            self.waiting += 1;
        }
        if self.waiting > MAX_WAITING_ROWS { self.flush() } else { Ok(()) }
    }

    fn update(&mut self, schema: &'static Schema, rows: Vec<(Row, i64)>) -> Result<()> {
        let rank = self.rank(schema);
        let keys: Vec<Key> = rows.iter().map(|(row, _)| schema.key_of(row)).collect();
        self.learn(rank, schema, &keys, Lock::None)?;
        for ((mut row, was), key) in rows.into_iter().zip(keys) {
            self.make_room(rank, schema, &row)?;
            // Writing may have made the buffer forget what it knew.
            self.learn(rank, schema, std::slice::from_ref(&key), Lock::None)?;
            if let Some(before) = self.slot(rank, &key).and_then(|slot| slot.current.as_ref()) {
                let after: Vec<_> = schema.unique_values(&row).collect();
                let freed: Vec<_> = schema.unique_values(before).filter(|values| !after.contains(values)).collect();
                self.freed.extend(freed.into_iter().map(|(number, values)| (rank, number, values)));
            }
            let changed = self.slot_to_change(rank, schema, &key).and_then(|slot| match &slot.current {
                Some(current) if schema.version_of(current) == Some(was) => {
                    for &counter in schema.counters {
                        if let (Some(new), Some(kept)) = (row.get_mut(counter), current.get(counter)) {
                            new.clone_from(kept);
                        }
                    }
                    slot.current = Some(row);
                    slot.dirty = true;
                    Ok(())
                }
                _ => Err(Error::Conflict { kind: schema.kind }),
            });
            self.allowed(changed)?;
        }
        Ok(())
    }

    fn delete(&mut self, schema: &'static Schema, keys: Vec<(Key, Option<i64>)>) -> Result<()> {
        let rank = self.rank(schema);
        let plain: Vec<Key> = keys.iter().map(|(key, _)| key.clone()).collect();
        self.learn(rank, schema, &plain, Lock::None)?;
        for (key, was) in keys {
            let changed = self.slot_to_change(rank, schema, &key).and_then(|slot| match &slot.current {
                Some(current) if was.is_none() || schema.version_of(current) == was => {
                    slot.current = None;
                    slot.additions.clear();
                    slot.dirty = true;
                    Ok(())
                }
                _ => Err(Error::Conflict { kind: schema.kind }),
            });
            self.allowed(changed)?;
        }
        Ok(())
    }

    fn add(&mut self, schema: &'static Schema, additions: Vec<Addition>) -> Result<()> {
        let rank = self.rank(schema);
        let keys: Vec<Key> = additions.iter().map(|addition| addition.key.clone()).collect();
        self.learn(rank, schema, &keys, Lock::None)?;
        for Addition { key, column, amount, floor } in additions {
            let added = self.slot_to_change(rank, schema, &key).and_then(|slot| {
                let counter = slot.current.as_mut().and_then(|row| row.get_mut(column));
                let sum = match &counter {
                    Some(Value::Int(value)) => value.checked_add(amount),
                    _ => None,
                };
                match (counter, sum) {
                    (Some(counter), Some(sum)) if floor.is_none_or(|floor| sum >= floor) => {
                        *counter = Value::Int(sum);
                        // A row that is still to be inserted carries the sum; a stored one gets the amount.
                        if slot.stored {
                            slot.note_addition(column, amount, floor);
                        }
                        Ok(())
                    }
                    _ => Err(Error::Conflict { kind: schema.kind }),
                }
            });
            self.allowed(added)?;
        }
        Ok(())
    }

    fn savepoint(&mut self) -> Result<()> {
        self.write_out(true)?;
        let opened = self.tx.savepoint();
        self.ran(opened)?;
        self.layers.push(Layer::new());
        self.opened = self.top();
        Ok(())
    }

    fn release(&mut self) -> Result<()> {
        let top = self.top();
        let Some(above) = (top > 0).then(|| self.layers.pop()).flatten() else {
            return Err(Error::backend("release without a savepoint", "nothing is open"));
        };
        if self.opened == top {
            self.opened -= 1;
            if let Err(error) = self.tx.release() {
                // A statement failed inside and nobody went back. Now we do, so that both sides agree on what is open.
                self.status.broken |= self.tx.roll_back().is_err();
                self.forget_locks();
                self.failed_at = Some(self.failed_at.map_or(top - 1, |at| at.min(top - 1)));
                return Err(error);
            }
        }
        // A failure inside is now one of what is around it.
        self.failed_at = self.failed_at.map(|at| at.min(top - 1));
        for (rank, kind) in above {
            let below = self.slots_of(top - 1, rank, kind.schema);
            for (key, slot) in kind.slots {
                match below.get_mut(&key) {
                    Some(known) => known.absorb(slot),
                    None => {
                        below.insert(key, slot);
                    }
                }
            }
        }
        Ok(())
    }

    fn roll_back(&mut self) -> Result<()> {
        let top = self.top();
        if top == 0 || self.layers.pop().is_none() {
            return Err(Error::backend("roll back without a savepoint", "nothing is open"));
        }
        if self.opened == top {
            self.opened -= 1;
            if let Err(error) = self.tx.roll_back() {
                // What was written since is still there: nothing of this transaction may be kept.
                self.status.broken = true;
                self.failed_at = Some(0);
                return Err(error);
            }
            self.forget_locks();
        }
        // With a savepoint of its own the transaction is sound again, and so is a check that failed here.
        if self.failed_at.is_some_and(|at| at >= top) {
            self.failed_at = None;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.write_out(false)
    }

    fn expect(&mut self, schema: &'static Schema, keys: &[Key]) {
        if self.batches_reads {
            let rank = self.rank(schema);
            let unknown = keys.iter().filter(|key| self.slot(rank, key).is_none()).cloned().collect();
            self.note_missing(rank, schema, unknown, Lock::None);
        }
    }
}
