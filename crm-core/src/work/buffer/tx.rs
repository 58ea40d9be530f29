//! The buffer as the transaction that jobs see.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::rows::{Kind, Layer, Slot, kind_of, slots_of};
use super::{MAX_WAITING_ROWS, Missing, WriteBuffer};
use crate::work::filter::Criteria;
use crate::work::schema::Schema;
use crate::work::storage::{Addition, Columns, Lock, Query, Replacement, Tx};
use crate::work::value::{Key, Row, Value};
use crate::{Error, Result};

impl Tx for WriteBuffer<'_> {
    fn fetch(&mut self, schema: &'static Schema, keys: &[Key], lock: Lock) -> Result<Vec<Option<Row>>> {
        let rank = self.rank(schema);
        self.learn(rank, schema, keys.iter(), lock)?;
        Ok(keys.iter().map(|key| self.slot(rank, key).and_then(|slot| slot.current.clone())).collect())
    }

    fn select(&mut self, query: &Query) -> Result<Vec<Row>> {
        let rank = self.rank(query.schema);
        if self.is_answered(rank, query) {
            return Ok(query.answer(self.known_rows(rank, query)));
        }
        let pending = self.count_pending(query.schema, &query.criteria);
        // What the job itself has just made is asked for by another id in each run: it would be stopped each time.
        if self.batches_reads && query.is_whole() && pending == 0 {
            let queries = &mut self.missing.entry(rank).or_insert_with(|| Missing::new(query.schema)).queries;
            if !queries.contains(query) {
                queries.push(query.clone());
            }
            return self.suspend();
        }
        let selected = if pending > 0 && query.limit > 0 {
            // So many of the rows of a page may be others by now, or gone.
            self.tx.select(&Query { limit: query.limit + pending, ..query.clone() })
        } else {
            self.tx.select(query)
        };
        let rows = self.ran(selected)?;
        self.take_in_answer(query, &rows)?;
        if pending == 0 {
            return Ok(rows);
        }
        let stored = rows.into_iter().filter(|row| self.slot(rank, &query.schema.key_of(row)).is_none());
        Ok(query.answer(stored.collect::<Vec<_>>().into_iter().chain(self.known_rows(rank, query))))
    }

    fn count(&mut self, schema: &'static Schema, criteria: &Criteria) -> Result<u64> {
        if self.count_pending(schema, criteria) > 0 {
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
            slots_of(&mut self.layers[top], rank, schema).insert(key, slot);
            self.waiting += 1;
        }
        if self.waiting > MAX_WAITING_ROWS { self.flush() } else { Ok(()) }
    }

    fn update(&mut self, schema: &'static Schema, rows: Vec<Replacement>) -> Result<()> {
        let rank = self.rank(schema);
        let keys: Vec<Key> = rows.iter().map(|new| schema.key_of(&new.row)).collect();
        self.learn(rank, schema, keys.iter(), Lock::None)?;
        for (Replacement { mut row, was, .. }, key) in rows.into_iter().zip(keys) {
            self.make_room(rank, schema, &row)?;
            // Writing may have made the buffer forget what it knew.
            self.learn(rank, schema, std::iter::once(&key), Lock::None)?;
            if let Some(before) = self.slot(rank, &key).and_then(|slot| slot.current.as_ref()) {
                let after: Vec<_> = schema.unique_values(&row).collect();
                let freed: Vec<_> = schema.unique_values(before).filter(|values| !after.contains(values)).collect();
                self.freed.extend(freed.into_iter().map(|(number, values)| (rank, number, values)));
            }
            let changed = self.slot_to_change(rank, schema, key).and_then(|slot| match &slot.current {
                Some(current) if schema.version_of(current) == Some(was) => {
                    for &counter in schema.counters {
                        if let (Some(new), Some(kept)) = (row.get(counter), current.get(counter))
                            && new != kept
                            && let Some(new) = Arc::make_mut(&mut row).get_mut(counter)
                        {
                            new.clone_from(kept);
                        }
                    }
                    // What the row was is known here, whatever the caller knew of it.
                    slot.changed = slot.changed.union(Columns::differing(current, &row));
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
        self.learn(rank, schema, keys.iter().map(|(key, _)| key), Lock::None)?;
        for (key, was) in keys {
            let changed = self.slot_to_change(rank, schema, key).and_then(|slot| match &slot.current {
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
        self.learn(rank, schema, additions.iter().map(|addition| &addition.key), Lock::None)?;
        for Addition { key, column, amount, floor } in additions {
            let added = self.slot_to_change(rank, schema, key).and_then(|slot| {
                let counter = slot.current.as_mut().and_then(|row| Arc::make_mut(row).get_mut(column));
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
        for (rank, Kind { schema, slots, answered }) in above {
            let below = kind_of(&mut self.layers[top - 1], rank, schema);
            below.answered.extend(answered);
            for (key, slot) in slots {
                match below.slots.entry(key) {
                    Entry::Occupied(mut known) => known.get_mut().absorb(slot),
                    Entry::Vacant(place) => {
                        place.insert(slot);
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
        if self.failed_at.is_some() { Err(Error::Poisoned) } else { self.write_out(false) }
    }

    fn expect(&mut self, schema: &'static Schema, keys: &[Key]) {
        if self.batches_reads {
            let rank = self.rank(schema);
            let unknown = keys.iter().filter(|key| self.slot(rank, key).is_none()).cloned().collect();
            self.note_missing(rank, schema, unknown, Lock::None);
        }
    }
}
